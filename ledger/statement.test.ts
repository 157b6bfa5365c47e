import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type PostingId, type TransferId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { postEntries, postEntry } from './post.ts';
import {
  statementLinesByIds,
  statementPages,
  transfersOfPostings,
  type StatementLine,
  type StatementPage,
} from './statement.ts';

let world: LedgerWorld;
let account: TestAccount;
let other: TestAccount;
beforeAll(async () => {
  world = await createLedgerWorld();
  account = await world.funded(10_000n);
  other = await world.funded(10_000n);
  for (let index = 1n; index <= 9n; index++) {
    await postEntry(world.ledger, { ...movement(account, other, index), description: `Line ${index}` });
  }
});
afterAll(async () => {
  await expectBooksOk(world.admin);
  await world.drop();
});

const pageOf = ({ accountId }: TestAccount, options: Partial<StatementPage> = {}): StatementPage => ({
  accountId,
  from: null,
  to: null,
  beforeVersion: null,
  limit: 100,
  ...options,
});
const page = async (options: Partial<StatementPage> = {}, of = account) =>
  (await statementPages(world.ledger, [pageOf(of, options)]))[0]!;
const versions = (lines: StatementLine[]) => lines.map(({ version }) => version);

describe('a statement', () => {
  test('has the newest line first, each with the balance after it', async () => {
    const lines = await page({ limit: 2 });
    expect(lines).toEqual([
      {
        id: expect.any(String),
        accountId: account.accountId,
        currency: 'USD',
        version: 10,
        amountMinor: -9n,
        balanceAfterMinor: 9_955n,
        lineType: 'TRANSFER_OUT',
        counterparty: 'The other end',
        description: 'Line 9',
        transferId: null,
        at: expect.any(Date),
      },
      expect.objectContaining({ version: 9, amountMinor: -8n, balanceAfterMinor: 9_964n, description: 'Line 8' }),
    ]);
  });

  test('neither repeats nor skips a line when new ones come between two pages', async () => {
    const payer = await world.funded(1_000n);
    for (let index = 0; index < 5; index++) await postEntry(world.ledger, movement(payer, other, 1n));
    const first = await page({ limit: 3 }, payer);
    await postEntry(world.ledger, movement(payer, other, 1n));
    const second = await page({ limit: 100, beforeVersion: first.at(-1)!.version }, payer);
    expect([...versions(first), ...versions(second)]).toEqual([6, 5, 4, 3, 2, 1]);
  });

  test('shows only this account’s lines', async () => {
    expect(new Set((await page()).map(({ accountId }) => accountId))).toEqual(new Set([account.accountId]));
    expect(await page({}, await world.open())).toEqual([]);
  });

  test('of a span of time has what was posted from its beginning and before its end', async () => {
    const all = await page();
    for (const { at } of all) {
      const expected = (from: Date | null, to: Date | null) =>
        versions(all.filter((line) => (!from || line.at >= from) && (!to || line.at < to)));
      expect(versions(await page({ from: at }))).toEqual(expected(at, null));
      expect(versions(await page({ to: at }))).toEqual(expected(null, at));
      expect(versions(await page({ from: all[7]!.at, to: at }))).toEqual(expected(all[7]!.at, at));
    }
    expect(await page({ from: new Date(Date.now() + 60_000) })).toEqual([]);
    expect(await page({ to: new Date(0) })).toEqual([]);
  });

  test('cuts pages within a span of time', async () => {
    const all = await page();
    const from = all[6]!.at;
    const wanted = versions(all.filter(({ at }) => at >= from));
    const first = await page({ from, limit: 2 });
    const rest = await page({ from, limit: 100, beforeVersion: first[1]!.version });
    expect([...versions(first), ...versions(rest)]).toEqual(wanted);
  });

  test('of several accounts, and several pages of one, is what each of them alone would be', async () => {
    const all = await page();
    const asked = [
      pageOf(other, { limit: 3 }),
      pageOf(await world.open()),
      pageOf(account, { limit: 1 }),
      pageOf(account, { from: all[6]!.at, to: all[2]!.at }),
      pageOf(account, { beforeVersion: 4, limit: 2 }),
      pageOf(other, { limit: 3 }),
    ];
    const together = await statementPages(world.ledger, asked);
    expect(together.map((lines) => lines.length)).toEqual([3, 0, 1, expect.any(Number), 2, 3]);
    for (const [index, alone] of asked.entries()) {
      expect(together[index]).toEqual((await statementPages(world.ledger, [alone]))[0]);
    }
    expect(await statementPages(world.ledger, [])).toEqual([]);
  });
});

describe('lines by id', () => {
  test('are the same lines, also when several of one account share a millisecond', async () => {
    await postEntries(
      world.ledger,
      Array.from({ length: 5 }, () => movement(account, other, 1n)),
    );
    const lines = await page();
    const found = await statementLinesByIds(
      world.ledger,
      lines.map(({ id }) => id),
    );
    expect(lines.map(({ id }) => found.get(id))).toEqual(lines);
  });

  test('are missing for what does not exist and for the bank’s own accounts', async () => {
    const { rows } = await world.admin.query<{ id: PostingId }>({
      text: 'SELECT p.id FROM ledger.posting p JOIN ledger.account a ON a.id = p.account_id WHERE a.owner_id IS NULL',
    });
    expect(rows.length).toBeGreaterThan(0);
    const ids = [newId<PostingId>(), ...rows.map(({ id }) => id)];
    expect((await statementLinesByIds(world.ledger, ids)).size).toBe(0);
  });
});

test('postings lead to the transfer that caused them, and to nothing when none did', async () => {
  const transferId = newId<TransferId>();
  // An entry of a transfer without the transfer's own row: only here, and taken out of the proof below.
  await postEntry(world.ledger, { ...movement(account, other, 1n), kind: 'TRANSFER', transferId });
  const [caused, notCaused] = await page({ limit: 2 });
  expect(caused!.transferId).toBe(transferId);
  const found = await transfersOfPostings(world.ledger, [caused!.id, notCaused!.id]);
  expect([...found]).toEqual([[caused!.id, { transferId, accountId: account.accountId }]]);
  await world.admin.query({
    text: `SET session_replication_role = replica; UPDATE ledger.entry SET transfer_id = NULL WHERE transfer_id = '${transferId}';
           SET session_replication_role = DEFAULT`,
  });
});
