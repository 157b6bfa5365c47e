import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId } from '../../platform/ids.ts';
import { ibanEnding } from '../../tests/ibans.ts';
import { timeUpWhen } from '../../tests/time-up.ts';
import { until } from '../../tests/until.ts';
import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import {
  ProviderNotCertainYetError,
  ProviderUnreachableError,
  type Payout,
  type PayoutProvider,
  type PayoutRequest,
} from '../payout-provider.ts';
import { startBankrailSimulator, type BankrailSimulator } from '../simulators/bankrail/bankrail-simulator.ts';
import { createBankrailPayouts } from './bankrail-payouts.ts';

const KEY = 'bankrail_of_tests';
const OURS = 'DE02120300000000202051';
const HOUR_MS = 3_600_000;
const TO_SEND = 'PUT /files';
const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-bankrail-'));
const file = path.join(directory, 'bankrail.jsonl');
let bank: BankrailSimulator;
let payouts: PayoutProvider;

const soon = (ms = 120_000) => AbortSignal.timeout(ms);
const open = () => startBankrailSimulator({ file, secretKey: KEY, iban: OURS, delayMs: 20 });
const connect = (url = bank.url, secretKey = KEY) =>
  createBankrailPayouts({ url, secretKey, debtor: { name: 'DwayBank', iban: OURS } });

beforeAll(async () => {
  bank = await open();
  payouts = connect();
});
afterEach(() => bank.calm());
afterAll(async () => {
  await payouts.close?.();
  await bank.close();
  rmSync(directory, { recursive: true });
});

function request(more: Partial<PayoutRequest> & { iban?: string } = {}): PayoutRequest {
  const transferId = newId<TransferId>();
  const destination = { kind: 'IBAN' as const, iban: more.iban ?? ibanEnding('5678'), holder: 'Ada Lovelace' };
  const key = transferId.replaceAll('-', '');
  return { key, transferId, amountMinor: 12_345n, currency: 'EUR', destination, description: 'Rent', ...more };
}

function find(asked: PayoutRequest, { sentAt = new Date(), by = payouts } = {}): Promise<Payout | null> {
  return by.find({ key: asked.key, transferId: asked.transferId, sentAt }, soon());
}

function given({ key }: PayoutRequest) {
  return bank.payouts().filter(({ reference }) => reference === key);
}

async function endOf(asked: PayoutRequest, outcome?: Payout['outcome']) {
  const ended = await until('the bank has told', async () => {
    const payout = await find(asked);
    return payout && (outcome ? payout.outcome === outcome : payout.outcome !== 'PENDING') ? payout : null;
  });
  return ended!;
}

describe('a payout by file', () => {
  test('is under way when the file was taken, and done when the bank has booked it', async () => {
    const asked = request();
    expect(await payouts.send(asked, soon())).toEqual({
      outcome: 'PENDING',
      reference: asked.key,
      step: 'BANK_PROCESSING',
    });
    expect(await endOf(asked)).toMatchObject({ outcome: 'SUCCEEDED', reference: asked.key });
    expect(given(asked)).toMatchObject([{ amountMinor: '12345', currency: 'EUR', status: 'SUCCEEDED' }]);
  });

  test.each([
    ['0001', 'AM04'],
    ['0002', 'AC04'],
    ['0008', 'AC01'],
    ['0009', 'RR04'],
  ])('to an account that ends in %s is declined for %s', async (digits, code) => {
    const asked = request({ iban: ibanEnding(digits) });
    await payouts.send(asked, soon());
    expect(await endOf(asked)).toMatchObject({ outcome: 'DECLINED', reference: asked.key, code });
  });

  test('that the other bank sends back has been done and has come back', async () => {
    const asked = request({ iban: ibanEnding('0004') });
    await payouts.send(asked, soon());
    expect(await endOf(asked, 'RETURNED')).toMatchObject({ code: 'AC06', message: 'The account is blocked.' });
    const later = request();
    await payouts.send(later, soon());
    await endOf(later, 'SUCCEEDED');
    expect(await bank.settle(later.key, 'REVERSED')).toBe(true);
    expect(await find(later)).toMatchObject({ outcome: 'RETURNED', code: 'MS03' });
  });

  test('of which the bank says nothing stays under way for as long as it takes', async () => {
    const asked = request({ iban: ibanEnding('0003') });
    await payouts.send(asked, soon());
    const yesterday = new Date(Date.now() - 24 * HOUR_MS);
    expect(await find(asked, { sentAt: yesterday })).toMatchObject({ outcome: 'PENDING', step: 'BANK_PROCESSING' });
    await bank.settle(asked.key, 'SUCCEEDED');
    expect(await find(asked)).toMatchObject({ outcome: 'SUCCEEDED' });
  });

  test.each([
    ['JPY', 5_000n, '5000'],
    ['KWD', 5_124n, '5124'],
    ['USD', 999_999_999_999_999_999n, '999999999999999999'],
  ])('in %s of %d minor units arrives as exactly that', async (currency, amountMinor, arrived) => {
    const asked = request({ currency, amountMinor });
    await payouts.send(asked, soon());
    expect(given(asked)).toMatchObject([{ amountMinor: arrived, currency }]);
  });

  test('that the bank does not carry is declined and never sent', async () => {
    for (const more of [
      { currency: 'BTC' },
      { amountMinor: 10n ** 18n },
      { iban: 'DE00370400440532013000' },
      { destination: { kind: 'CARD' as const, reference: 'x', holder: 'Ada' } },
    ]) {
      const asked = request(more);
      expect(await payouts.send(asked, soon())).toMatchObject({ outcome: 'DECLINED', reference: null });
      expect(given(asked)).toEqual([]);
    }
  });
});

describe('one key', () => {
  test('is one payment, one after the other and at the same time', async () => {
    const asked = request();
    for (let n = 0; n < 3; n++) await payouts.send(asked, soon());
    const double = request();
    await Promise.all(Array.from({ length: 8 }, () => payouts.send(double, soon())));
    // Another process of the bank, at another time of day.
    await connect().send(double, soon());
    expect([given(asked).length, given(double).length]).toEqual([1, 1]);
  });

  test('with another amount is a fault of ours and never "declined"', async () => {
    const asked = request();
    await payouts.send(asked, soon());
    const changed = payouts.send({ ...asked, amountMinor: 1n }, soon());
    await expect(changed).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(given(asked)).toMatchObject([{ amountMinor: '12345' }]);
  });
});

describe('what became of a payout', () => {
  test.each([
    ['DROP_AFTER', 1],
    ['ERROR_AFTER', 1],
    ['DROP_BEFORE', 0],
    ['UNAVAILABLE', 0],
  ] as const)('is unknown when there is no answer (%s), and found by asking', async (effect, taken) => {
    const asked = request();
    bank.disturb({ effect, on: TO_SEND, times: 1 });
    await expect(payouts.send(asked, soon())).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    expect(given(asked)).toHaveLength(taken);
    if (taken === 1) expect(await endOf(asked)).toMatchObject({ outcome: 'SUCCEEDED' });
    else await expect(find(asked)).rejects.toBeInstanceOf(ProviderNotCertainYetError);
    await payouts.send(asked, soon());
    expect(await endOf(asked)).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(given(asked)).toHaveLength(1);
  });

  test.each(['0006', '0007'])('is unknown when the bank takes the file and does not answer (%s)', async (digits) => {
    const asked = request({ iban: ibanEnding(digits) });
    const arrived = timeUpWhen('the file is taken', () => given(asked).length === 1);
    await expect(payouts.send(asked, arrived)).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    bank.calm();
    expect(await endOf(asked)).toMatchObject({ outcome: 'SUCCEEDED' });
  });

  test('is "not here" only after the bank has said that it has no such file and the cut-off has passed', async () => {
    const asked = request();
    const before = new Date(Date.now() - HOUR_MS + 60_000);
    const after = new Date(Date.now() - HOUR_MS - 60_000);
    await expect(find(asked, { sentAt: before })).rejects.toBeInstanceOf(ProviderNotCertainYetError);
    expect(await find(asked, { sentAt: after })).toBeNull();
    // The bank does not say, or cannot be asked.
    bank.disturb({ effect: 'UNAVAILABLE', on: `GET /files/pain.001-${asked.key}.xml`, times: 1 });
    await expect(find(asked, { sentAt: after })).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
    bank.disturb({ effect: 'UNAVAILABLE', on: 'GET /files', times: 1 });
    await expect(find(asked, { sentAt: after })).rejects.toBeInstanceOf(ProviderOutcomeUnknownError);
  });

  test('is certain when nobody was there, or the bank was turned away', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await once(server.close(), 'close');
    for (const provider of [connect(`http://127.0.0.1:${port}`), connect(bank.url, 'another-key')]) {
      await expect(provider.send(request(), soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
      await expect(provider.checkHealth(soon())).rejects.toBeInstanceOf(ProviderUnreachableError);
      await expect(find(request(), { by: provider })).rejects.toBeInstanceOf(ProviderUnreachableError);
    }
    await payouts.checkHealth(soon());
  });

  test('is told to a new process from the beginning, and goes on where it was when the bank comes back', async () => {
    const [done, open1] = [request(), request({ iban: ibanEnding('0005') })];
    for (const asked of [done, open1]) await payouts.send(asked, soon());
    await endOf(done);
    await payouts.close?.();
    await bank.close();
    bank = await open();
    payouts = connect();
    expect(await find(done)).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(await endOf(open1)).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(given(open1)).toHaveLength(1);
  });

  test('is asked by many at once, each with the whole truth', async () => {
    const all = Array.from({ length: 6 }, () => request());
    await Promise.all(all.map((asked) => payouts.send(asked, soon())));
    await until('all are booked', () => all.every((asked) => given(asked)[0]?.status === 'SUCCEEDED'));
    const found = await Promise.all(all.map((asked) => find(asked)));
    expect(found.map((payout) => payout?.outcome)).toEqual(all.map(() => 'SUCCEEDED'));
  });
});

test('offers euros within the area for little and within a day, and other payments for more', () => {
  const offer = (currency: string, iban?: string, amountMinor = 100_000n) =>
    payouts.offer({ kind: 'IBAN', amountMinor, currency, ...(iban && { iban }) });
  const sepa = offer('EUR', 'DE89370400440532013000');
  expect(sepa).toEqual({ providerFeeMinor: 20n, networkFeeMinor: 5n, usualSeconds: 86_400 });
  for (const other of [
    offer('USD', 'DE89370400440532013000'),
    offer('EUR', 'SA0380000000608010167519'),
    offer('EUR'),
  ]) {
    expect(other).toEqual({ providerFeeMinor: 500n, networkFeeMinor: 100n, usualSeconds: 3 * 86_400 });
  }
  expect([offer('BTC'), offer('XXX'), offer('EUR', 'DE00370400440532013000')]).toEqual([null, null, null]);
  expect(payouts.offer({ kind: 'MOBILE_MONEY', amountMinor: 1n, currency: 'KES' })).toBeNull();
});
