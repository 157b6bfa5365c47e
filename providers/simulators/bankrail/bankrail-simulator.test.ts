import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { newId, type TransferId } from '../../../platform/ids.ts';
import { parseAmount } from '../../../platform/money.ts';
import { readXml } from '../../../platform/read-xml.ts';
import { find, findAll, textAt } from '../../../platform/xml-element.ts';
import { ibanEnding } from '../../../tests/ibans.ts';
import { until } from '../../../tests/until.ts';
import { renderPaymentFile } from '../../bankrail/payment-file.ts';
import { startBankrailSimulator, type BankrailSimulator } from './bankrail-simulator.ts';

const KEY = 'bankrail_simulator_test';
const OURS = 'DE02120300000000202051';
const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-bankrail-simulator-'));
let bank: BankrailSimulator;
let starts = 0;

const open = (file: string) => startBankrailSimulator({ file, secretKey: KEY, iban: OURS, delayMs: 10 });

beforeAll(async () => {
  bank = await open(path.join(directory, 'first.jsonl'));
});
beforeEach(async () => {
  await bank.close();
  bank = await open(path.join(directory, `${++starts}.jsonl`));
});
afterAll(async () => {
  await bank.close();
  rmSync(directory, { recursive: true });
});

interface Given {
  key: string;
  name: string;
  text: string;
}

function payment(iban = ibanEnding('5678'), amountMinor = 1_000n, currency = 'EUR'): Given {
  const transferId = newId<TransferId>();
  const key = transferId.replaceAll('-', '');
  const destination = { kind: 'IBAN' as const, iban, holder: 'Ada' };
  const request = { key, transferId, amountMinor, currency, destination, description: null };
  return { key, name: `${key}.xml`, text: renderPaymentFile(request, { name: 'DwayBank', iban: OURS }) };
}

async function send(method: string, place: string, body?: string, key = KEY) {
  const response = await fetch(bank.url + place, {
    method,
    headers: { authorization: `Bearer ${key}` },
    ...(body !== undefined && { body }),
  });
  return { status: response.status, text: await response.text() };
}
const put = ({ name, text }: Given) => send('PUT', `/files/${name}`, text);
async function listed(after = ''): Promise<{ files: { name: string; cursor: string }[]; more: boolean }> {
  return JSON.parse((await send('GET', `/files${after && `?after=${after}`}`)).text) as Awaited<
    ReturnType<typeof listed>
  >;
}
const bookedAll = (count: number) =>
  until('all are booked', () => bank.payouts().filter(({ status }) => status === 'SUCCEEDED').length === count);
const today = () => new Date().toISOString().slice(0, 10);

describe('a file', () => {
  test('is taken once: the same is the same, another under its name or with its payment is refused', async () => {
    const given = payment();
    expect([(await put(given)).status, (await put(given)).status]).toEqual([201, 200]);
    expect((await put({ ...given, text: payment().text })).status).toBe(409);
    expect((await put({ ...given, name: 'again.xml' })).status).toBe(409);
    expect(bank.payouts()).toHaveLength(1);
    expect(await send('GET', `/files/${given.name}`)).toEqual({ status: 200, text: given.text });
  });

  test('is taken once when it comes many times at once', async () => {
    const given = payment();
    const statuses = (await Promise.all(Array.from({ length: 8 }, () => put(given)))).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    expect(bank.payouts()).toHaveLength(1);
  });

  test('that cannot be read is refused at once, and one that is wrong is rejected by a report', async () => {
    expect(JSON.parse((await send('PUT', '/files/x.xml', 'hello')).text)).toMatchObject({ code: 'FF01' });
    const given = payment();
    expect((await put({ ...given, text: given.text.replaceAll('<CtrlSum>10.00', '<CtrlSum>11.00') })).status).toBe(201);
    await until('it is rejected', () => bank.payouts()[0]?.status === 'FAILED');
    expect(bank.payouts()[0]).toMatchObject({ reason: 'AM10' });
  });

  test('is nobody’s but of who shows the key, and nothing else is there', async () => {
    expect((await send('GET', '/files', undefined, 'x')).status).toBe(401);
    expect((await send('PUT', '/files/x.xml', payment().text, 'x')).status).toBe(401);
    expect((await send('GET', '/files/nothing.xml')).status).toBe(404);
    expect((await send('GET', '/files?after=x')).status).toBe(400);
    expect((await send('DELETE', '/files/x.xml')).status).toBe(404);
    expect((await send('PUT', `/files/x.xml`, 'x'.repeat(2_000_000))).status).toBe(413);
    expect(bank.payouts()).toEqual([]);
  });
});

describe('what the bank puts there', () => {
  test('is read page by page, and is the same after a restart', async () => {
    const all = Array.from({ length: 40 }, () => payment());
    for (const given of all) await put(given);
    await bookedAll(40);
    const names: string[] = [];
    for (let after = '', more = true; more;) {
      const page = await listed(after);
      names.push(...page.files.map(({ name }) => name));
      [after, more] = [page.files.at(-1)!.cursor, page.more];
    }
    // Of each that it clears, that it is settled, and its booking.
    expect(names).toHaveLength(120);
    const first = await send('GET', `/files/${names[0]}`);
    await bank.close();
    bank = await open(path.join(directory, `${starts}.jsonl`));
    expect((await listed()).files.map(({ name }) => name)).toEqual(names.slice(0, 100));
    expect(await send('GET', `/files/${names[0]}`)).toEqual(first);
    expect((await put(all[0]!)).status).toBe(200);
  });

  test('is a statement whose opening balance and entries make its closing balance, for each day and currency', async () => {
    for (const given of [payment(), payment(ibanEnding('0004'), 250n), payment(undefined, 7n, 'JPY')]) await put(given);
    await until('one came back', () => bank.payouts().some(({ status }) => status === 'REVERSED'));
    await bookedAll(2);
    // What has happened is told when it is on the disk.
    await until('all of it is told', () => bank.statement(today(), 'EUR').split('<Ntry>').length === 4);
    const { text } = await send('GET', `/files/camt.053-${today()}-EUR.xml`);
    expect(text).toBe(bank.statement(today(), 'EUR'));
    const statement = find((await readXml(text)).root, 'BkToCstmrStmt', 'Stmt');
    const [opening, closing] = findAll(statement, 'Bal').map((each) => parseAmount(textAt(each, 'Amt')!, 'EUR'));
    const entries = findAll(statement, 'Ntry').map((each) => {
      const amount = parseAmount(textAt(each, 'Amt')!, 'EUR');
      return textAt(each, 'CdtDbtInd') === 'DBIT' ? -amount : amount;
    });
    expect(entries.sort()).toEqual([-1_000n, -250n, 250n].sort());
    expect(closing).toBe(opening! + entries.reduce((sum, each) => sum + each, 0n));
    expect(textAt(statement, 'Acct', 'Id', 'IBAN')).toBe(OURS);
    const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    const before = (await readXml(bank.statement(yesterday, 'EUR'))).root;
    expect(findAll(before, 'BkToCstmrStmt', 'Stmt', 'Ntry')).toEqual([]);
  });
});

test('is controlled over HTTP as well', async () => {
  const given = payment(ibanEnding('0003'));
  const control = (method: string, place: string, body?: unknown) =>
    send(method, `/simulator/${place}`, body === undefined ? undefined : JSON.stringify(body));
  await put(given);
  expect((await control('POST', 'settlements', { reference: given.key, status: 'SUCCEEDED' })).status).toBe(200);
  expect(JSON.parse((await control('GET', 'payouts')).text)).toMatchObject({ payouts: [{ status: 'SUCCEEDED' }] });
  expect((await control('POST', 'disturbances', { effect: 'UNAVAILABLE', times: 1 })).status).toBe(200);
  expect([(await send('GET', '/files')).status, (await send('GET', '/files')).status]).toEqual([503, 200]);
});
