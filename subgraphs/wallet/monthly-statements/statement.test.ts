import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spanLines } from '../../../ledger/statement-span.ts';
import { newId, type AccountId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import { askStatement, STATEMENT, statementOf } from '../../../tests/monthly-statements.ts';
import { viewerFor } from '../../../tests/one-subgraph.ts';
import { startWalletWorld, type TestPosting, type WalletWorld } from '../../../tests/wallet-world.ts';

let world: WalletWorld;
beforeAll(async () => {
  world = await startWalletWorld();
});
afterAll(() => world.close());

const at = (text: string) => new Date(text);

/** An account opened on 15 August 2026, with a line at each moment. */
async function accountWith(lines: readonly [string, Omit<TestPosting, 'accountId'>][], currency = 'USD') {
  const viewer = viewerFor();
  const accountId = await world.open(viewer.userId, currency);
  for (const [, line] of lines) await world.post({ accountId, currency, ...line });
  await world.backdate(accountId, at('2026-08-15T12:00:00.000Z'), lines.map(([moment]) => at(moment))); // prettier-ignore
  return { viewer, accountId };
}

const refusal = async (viewer: Viewer, accountId: AccountId, month: string, fields = STATEMENT) => {
  const { data, errors } = await askStatement(world, viewer, { accountId, month, fields });
  expect(errors).toHaveLength(1);
  return [errors[0]!.code, data.account.statement === null ? 'no statement' : 'a statement'];
};

describe('the statement of a month', () => {
  test('begins at its first moment and ends with its last', async () => {
    const { viewer, accountId } = await accountWith([
      ['2026-09-30T23:59:59.999Z', { amountMinor: 100n }],
      ['2026-10-01T00:00:00.000Z', { amountMinor: 20n }],
      ['2026-10-31T23:59:59.999Z', { amountMinor: -3n, lineType: 'FEE' }],
      ['2026-11-01T00:00:00.000Z', { amountMinor: 4n }],
    ]);
    const october = await statementOf(world, viewer, { accountId, month: '2026-10', fields: STATEMENT });
    expect(october).toMatchObject({
      month: '2026-10',
      from: '2026-10-01T00:00:00.000Z',
      to: '2026-11-01T00:00:00.000Z',
      preliminary: false,
      opening: { amount: '1.00', currency: 'USD' },
      closing: { amount: '1.17', currency: 'USD' },
      totalIn: { amount: '0.20' },
      totalOut: { amount: '-0.03' },
      lineCount: 2,
    });
    expect(october.lines.edges.map(({ node }) => [node.type, node.amount.amount, node.balanceAfter.amount])).toEqual([
      ['DEPOSIT', '0.20', '1.20'],
      ['FEE', '-0.03', '1.17'],
    ]);
    const september = await statementOf(world, viewer, { accountId, month: '2026-09', fields: STATEMENT });
    expect(september).toMatchObject({ opening: { amount: '0.00' }, closing: { amount: '1.00' }, lineCount: 1 });
  });

  test('of a leap year’s February has 29 days, and of December ends in the next year', async () => {
    const { viewer, accountId } = await accountWith([]);
    await world.backdate(accountId, at('2023-01-01T00:00:00.000Z'), []);
    const span = async (month: string) => {
      const { from, to } = await statementOf(world, viewer, { accountId, month, fields: 'from to' });
      return [from, to].map((moment) => moment.slice(0, 10));
    };
    expect(await span('2024-02')).toEqual(['2024-02-01', '2024-03-01']);
    expect(await span('2023-12')).toEqual(['2023-12-01', '2024-01-01']);
  });

  test('without a line says so, and holds only what was there', async () => {
    const { viewer, accountId } = await accountWith([['2026-08-20T10:00:00.000Z', { amountMinor: 700n }]]);
    const empty = await statementOf(world, viewer, { accountId, month: '2026-09' });
    expect(empty).toMatchObject({
      opening: { amount: '7.00' },
      closing: { amount: '7.00' },
      totalIn: { amount: '0.00' },
      totalOut: { amount: '0.00' },
      lineCount: 0,
      lines: { edges: [] },
    });
    expect(empty.asCsv.text).toBe('at,type,amount,currency,balance_after,description,counterparty,id\r\n');
    expect(JSON.parse(empty.asJson.text)).toMatchObject({ lines: [] });
  });

  test('in which the account was opened begins at zero', async () => {
    const { viewer, accountId } = await accountWith([['2026-08-15T12:00:00.000Z', { amountMinor: 700n }]]);
    expect(await statementOf(world, viewer, { accountId, month: '2026-08' })).toMatchObject({
      opening: { amount: '0.00' },
      closing: { amount: '7.00' },
      lineCount: 1,
    });
  });

  test('that goes on is preliminary, and the next look has more', async () => {
    const viewer = viewerFor();
    const accountId = await world.open(viewer.userId);
    const month = new Date().toISOString().slice(0, 7);
    await world.post({ accountId, amountMinor: 5n });
    const first = await statementOf(world, viewer, { accountId, month });
    expect(first).toMatchObject({ preliminary: true, opening: { amount: '0.00' }, closing: { amount: '0.05' } });
    expect(first.asJson.fileName).toContain('-preliminary.json');
    expect(first.asCamt053!.text).toContain('<Cd>ITBD</Cd>');
    await world.post({ accountId, amountMinor: 6n });
    expect(await statementOf(world, viewer, { accountId, month })).toMatchObject({
      preliminary: true,
      closing: { amount: '0.11' },
      lineCount: 2,
    });
  });

  test('that is over is the same text each time', async () => {
    const { viewer, accountId } = await accountWith([['2026-09-02T10:00:00.000Z', { amountMinor: 1n }]]);
    const once = await statementOf(world, viewer, { accountId, month: '2026-09' });
    expect(await statementOf(world, viewer, { accountId, month: '2026-09' })).toEqual(once);
  });

  test('leaves holds, freezes and overdrafts out, which move no money', async () => {
    const viewer = viewerFor();
    const accountId = await world.open(viewer.userId);
    await world.post({ accountId, amountMinor: 50n });
    for (const mutation of [
      `freezeAccount(accountId: "${accountId}", reason: "x")`,
      `unfreezeAccount(accountId: "${accountId}")`,
    ]) {
      await world.execute(`mutation { ${mutation} { status } }`, { viewer });
    }
    await world.post({ accountId, amountMinor: -20n });
    const month = new Date().toISOString().slice(0, 7);
    expect(await statementOf(world, viewer, { accountId, month })).toMatchObject({
      closing: { amount: '0.30' },
      lineCount: 2,
    });
  });

  test('gives its lines page by page, oldest first', async () => {
    const { viewer, accountId } = await accountWith(
      Array.from({ length: 7 }, (_, n) => [`2026-09-0${n + 1}T00:00:00.000Z`, { amountMinor: BigInt(n + 1) }]),
    );
    const seen: string[] = [];
    for (let after: string | null = null; ;) {
      const fields: string = `lines(first: 3${after ? `, after: "${after}"` : ''}) {
        edges { node { amount { amount } } } pageInfo { hasNextPage endCursor } }`;
      const { lines } = await statementOf(world, viewer, { accountId, month: '2026-09', fields });
      seen.push(...lines.edges.map(({ node }) => node.amount.amount));
      if (!lines.pageInfo.hasNextPage) break;
      after = lines.pageInfo.endCursor;
    }
    expect(seen).toEqual(['0.01', '0.02', '0.03', '0.04', '0.05', '0.06', '0.07']);
  });

  test('takes no cursor of another month', async () => {
    const { viewer, accountId } = await accountWith([
      ['2026-09-01T00:00:00.000Z', { amountMinor: 1n }],
      ['2026-10-01T00:00:00.000Z', { amountMinor: 1n }],
    ]);
    const { lines } = await statementOf(world, viewer, { accountId, month: '2026-09', fields: STATEMENT });
    const fields = `lines(after: "${lines.edges[0]!.cursor}") { edges { cursor } }`;
    expect((await refusal(viewer, accountId, '2026-10', fields))[0]).toBe('INVALID_CURSOR');
  });

  test.each(['2026-13', '2026-00', '2026-1', '26-10', '2026-10-01', '', 'October', '0000-01', '1969-12', '2026-10\n'])(
    'of %j there is none: it is no month',
    async (month) => {
      const { viewer, accountId } = await accountWith([]);
      expect(await refusal(viewer, accountId, month)).toEqual(['INVALID_MONTH', 'no statement']);
    },
  );

  test('before the account was opened, or that has not begun, there is none', async () => {
    const { viewer, accountId } = await accountWith([]);
    expect((await statementOf(world, viewer, { accountId, month: '2026-08' })).month).toBe('2026-08');
    for (const month of ['2026-07', '1999-01', '2999-01']) {
      expect(await refusal(viewer, accountId, month)).toEqual(['STATEMENT_NOT_AVAILABLE', 'no statement']);
    }
  });

  test('of another’s account is not shown', async () => {
    const { accountId } = await accountWith([]);
    const { data } = await askStatement(world, viewerFor(), { accountId, month: '2026-09' });
    expect(data.account).toBeNull();
  });

  test('that does not add up is a fault and is not shown', async () => {
    const { viewer, accountId } = await accountWith([['2026-09-02T10:00:00.000Z', { amountMinor: 100n }]]);
    const tamper = (sql: string) =>
      world.database.pool('postgres').query(`BEGIN; SET LOCAL session_replication_role = replica; ${sql}; COMMIT`);
    await tamper(`UPDATE ledger.balance_changes SET amount = 99 WHERE account_id = '${accountId}'`);
    try {
      expect(await refusal(viewer, accountId, '2026-09')).toEqual(['INTERNAL', 'no statement']);
    } finally {
      await tamper(`UPDATE ledger.balance_changes SET amount = 100 WHERE account_id = '${accountId}'`);
    }
  });

  test('as a document has a bound, and its lines have none', async () => {
    const lines = 600;
    const viewer = viewerFor();
    const accountId = await world.open(viewer.userId);
    await world.post(...Array.from({ length: lines }, () => ({ accountId, amountMinor: 1n })));
    await world.backdate(accountId, at('2026-08-15T12:00:00.000Z'), Array.from({ length: lines }, () => at('2026-09-01T00:00:00.000Z'))); // prettier-ignore
    const whole = await statementOf(world, viewer, { accountId, month: '2026-09' });
    expect(JSON.parse(whole.asJson.text)).toMatchObject({ lineCount: lines, closing: '6.00' });
    expect(whole.asCsv.text.split('\r\n')).toHaveLength(lines + 2);
    const policy: { mostLines: number } = POLICY.statements;
    const { mostLines } = policy;
    try {
      policy.mostLines = lines - 1;
      for (const format of ['asJson', 'asCsv', 'asCamt053']) {
        const [code, shown] = await refusal(viewer, accountId, '2026-09', `lineCount ${format} { text }`);
        expect([code, shown]).toEqual(['STATEMENT_TOO_LONG', 'a statement']);
      }
      expect((await statementOf(world, viewer, { accountId, month: '2026-09', fields: STATEMENT })).lineCount).toBe(
        lines,
      );
    } finally {
      policy.mostLines = mostLines;
    }
  });

  test('is read some lines at a time', async () => {
    const { accountId } = await accountWith([
      ['2026-09-01T00:00:00.000Z', { amountMinor: 1n }],
      ['2026-09-01T00:00:00.000Z', { amountMinor: 2n }],
    ]);
    const pool = world.database.pool('dwaybank_wallet', { max: 1 });
    const two = await spanLines(pool, { accountId, after: 0, upTo: 2 }, 1);
    expect(two.map(({ amountMinor }) => amountMinor)).toEqual([1n]);
    expect(await spanLines(pool, { accountId: newId<AccountId>(), after: 0, upTo: 2 }, 1)).toEqual([]);
  });
});
