import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { newId, type TransferId, type UserId } from '../../platform/ids.ts';
import { until } from '../../tests/until.ts';
import { createBankrailPayouts } from '../bankrail/bankrail-payouts.ts';
import { createStripeCards } from '../stripe/stripe-cards.ts';

/* The simulators as people run them: a process of their own, killed as no process may be. */
const KEY = 'sk_test_ownProcess000001';
const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-simulators-'));
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
afterAll(() => rmSync(directory, { recursive: true }));

function run(given: string[], environment: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'providers/simulators/main.ts', ...given], {
    env: {
      ...process.env,
      DATABASE_URL: '',
      DWAYBANK_FOLDER: directory,
      STRIPE_SECRET_KEY: KEY,
      PROVIDERS: 'simulated',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output };
}

async function start() {
  const { child, output } = run(['--port', '0']);
  await until('the simulator listens', () => output().includes('Stripe  http') || child.exitCode !== null, 120_000);
  const url = /Stripe {2}(http:\S+)/.exec(output())?.[1];
  if (url === undefined) throw new Error(`the simulator ended at its start:\n${output()}`);
  return { child, url, cards: createStripeCards({ secretKey: KEY, url }) };
}

interface Told {
  charges: { transferId: string; status: string }[];
  waiting: number;
}

async function control(url: string, method: string, place: string, body?: unknown): Promise<Told> {
  const response = await fetch(`${url}/simulator/${place}`, {
    method,
    headers: { authorization: `Bearer ${KEY}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Told;
}

const soon = () => AbortSignal.timeout(120_000);

test.each([
  ['before the work', 'WAIT_BEFORE', 0],
  ['after the work', 'WAIT_AFTER', 1],
] as const)('killed in the middle of a charge, %s: exactly one charge comes of it', async (_what, effect, charged) => {
  const first = await start();
  const { reference } = await first.cards.saveCard('pm_card_visa', newId<UserId>(), soon());
  const transferId = newId<TransferId>();
  const deposit = { key: `deposit_${transferId}`, transferId, reference, amountMinor: 5_000n, currency: 'USD' };
  await control(first.url, 'POST', 'disturbances', { effect, on: 'POST /v1/payment_intents' });
  const lost = expect(first.cards.charge(deposit, soon())).rejects.toMatchObject({
    name: 'ProviderOutcomeUnknownError',
  });
  await until('the charge waits', async () => (await control(first.url, 'GET', 'charges')).waiting === 1);
  first.child.kill('SIGKILL');
  await lost;

  const second = await start();
  const ofTransfer = async () =>
    (await control(second.url, 'GET', 'charges')).charges.filter((charge) => charge.transferId === transferId);
  expect(await ofTransfer()).toHaveLength(charged);
  const found = await second.cards.findCharge(transferId, soon());
  expect(found?.outcome).toBe(charged === 1 ? 'SUCCEEDED' : undefined);
  expect(await second.cards.charge(deposit, soon())).toMatchObject({ outcome: 'SUCCEEDED' });
  expect(await ofTransfer()).toMatchObject([{ status: 'succeeded' }]);
});

test.each([
  ['before the work', 'WAIT_BEFORE', 0],
  ['after the work', 'WAIT_AFTER', 1],
] as const)(
  'killed while it takes a payment file, %s: exactly one payment comes of it',
  async (_what, effect, taken) => {
    const key = 'bankrail_test_dwaybank_simulator';
    const find = (output: string) => /Bank rail {2}(http:\S+)/.exec(output)?.[1];
    const connect = (url: string) =>
      createBankrailPayouts({ url, secretKey: key, debtor: { name: 'DwayBank', iban: 'DE02120300000000202051' } });
    const open = async () => {
      const { child, output } = run(['--port', '0'], { BANKRAIL_SECRET_KEY: key });
      await until('the bank listens', () => find(output()) ?? child.exitCode !== null, 120_000);
      const url = find(output())!;
      const ask = async (method: string, place: string, body?: unknown) => {
        const headers = { authorization: `Bearer ${key}` };
        const response = await fetch(`${url}/simulator/${place}`, {
          method,
          headers,
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        return (await response.json()) as { payouts: { reference: string }[]; waiting: number };
      };
      return { child, ask, payouts: connect(url) };
    };
    const first = await open();
    const transferId = newId<TransferId>();
    const request = {
      key: transferId.replaceAll('-', ''),
      transferId,
      amountMinor: 5_000n,
      currency: 'EUR',
      destination: { kind: 'IBAN' as const, iban: 'DE89370400440532013000', holder: 'Ada' },
      description: null,
    };
    await first.ask('POST', 'disturbances', { effect, on: 'PUT /files' });
    const lost = expect(first.payouts.send(request, soon())).rejects.toMatchObject({
      name: 'ProviderOutcomeUnknownError',
    });
    await until('the file waits', async () => (await first.ask('GET', 'payouts')).waiting === 1);
    first.child.kill('SIGKILL');
    await lost;

    const second = await open();
    const ofTransfer = async () =>
      (await second.ask('GET', 'payouts')).payouts.filter(({ reference }) => reference === request.key);
    expect(await ofTransfer()).toHaveLength(taken);
    const found = second.payouts.find({ ...request, sentAt: new Date(Date.now() - 86_400_000) }, soon());
    expect(((await found)?.outcome ?? null) === null).toBe(taken === 0);
    await second.payouts.send(request, soon());
    await until('it is booked', async () => {
      const payout = await second.payouts.find({ ...request, sentAt: new Date() }, soon());
      return payout?.outcome === 'SUCCEEDED';
    });
    expect(await ofTransfer()).toHaveLength(1);
  },
);

test('killed at any moment under load, it forgets nothing that it answered and charges no key twice', async () => {
  let simulator = await start();
  const { reference } = await simulator.cards.saveCard('pm_card_visa', newId<UserId>(), soon());
  const deposits = Array.from({ length: 60 }, () => {
    const transferId = newId<TransferId>();
    return { key: `deposit_${transferId}`, transferId, reference, amountMinor: 5_000n, currency: 'USD' };
  });
  const answered = new Set<string>();
  for (let round = 0; round < 2; round++) {
    const { child, cards } = simulator;
    const all = deposits.map((deposit) =>
      cards.charge(deposit, soon()).then(
        () => void answered.add(deposit.transferId),
        () => {},
      ),
    );
    const enough = 15 * (round + 1);
    await until('some are answered', () => answered.size >= enough);
    child.kill('SIGKILL');
    await Promise.all(all);
    simulator = await start();
    const { charges } = await control(simulator.url, 'GET', 'charges');
    const charged = new Set(charges.map(({ transferId }) => transferId));
    for (const transferId of answered) expect(charged).toContain(transferId);
  }
  for (const deposit of deposits) {
    expect(await simulator.cards.charge(deposit, soon())).toMatchObject({ outcome: 'SUCCEEDED' });
  }
  const { charges } = await control(simulator.url, 'GET', 'charges');
  const ours = new Set<string>(deposits.map(({ transferId }) => transferId));
  expect(charges.filter(({ transferId }) => ours.has(transferId))).toHaveLength(deposits.length);
});

test.each([
  ['with live providers', [], { PROVIDERS: 'live' }, /Simulated providers run only with PROVIDERS=simulated\.\n/],
  ['with a live key', [], { STRIPE_SECRET_KEY: 'sk_live_abc' }, /STRIPE_SECRET_KEY: a live key is refused/],
  ['in production', [], { NODE_ENV: 'production' }, /PROVIDERS: simulated providers .* refused/],
  ['an unknown option', ['--prot', '1'], {}, /Unknown option '--prot': see `npm run start:simulators -- --help`/],
  ['a port that is none', ['--port', 'x'], {}, /--port takes a number from 0 to 65531, not "x"/],
])('does not start %s, and says why in one sentence', async (_what, given, environment, sentence) => {
  const { child, output } = run(given, environment);
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(output()).toMatch(sentence);
  expect(output()).not.toMatch(/\n\s+at /);
});

test('says what it is and where it goes on --help, and which port is taken', async () => {
  const help = run(['--help']);
  expect(await once(help.child, 'close')).toEqual([0, null]);
  expect(help.output()).toContain('STRIPE_URL=http://127.0.0.1:4100');
  const { url } = await start();
  const second = run(['--port', new URL(url).port]);
  expect(await once(second.child, 'close')).toEqual([1, null]);
  expect(second.output()).toMatch(/Port \d+ is taken.*--port N/);
});
