import { expect } from '@jest/globals';
import type pg from 'pg';
import { balances, changesAfter } from '../ledger/balances.ts';
import { expireHolds, releaseHold } from '../ledger/holds.ts';
import { readSpending } from '../ledger/limits.ts';
import { setOverdraft } from '../ledger/overdraft.ts';
import { movePocket, openPocket } from '../ledger/pockets.ts';
import { postEntry } from '../ledger/post.ts';
import { collectReceivable } from '../ledger/receivables.ts';
import { isDatabaseLost, type Queryable } from '../platform/db.ts';
import { newId, type EntryId, type HoldId, type PocketId, type UserId } from '../platform/ids.ts';
import { captureHold, increaseHold, placeHold } from './holds.ts';
import { CURRENCIES, destinationOf, FUNDS, LIMIT, UNIT, type Operation, type Outcome } from './ledger-operations.ts';
import { movement, type LedgerWorld, type TestAccount } from './ledger-world.ts';
import { reverseEntry } from './reversals.ts';

/* Hands that do operations (tests/ledger-operations.ts) to real books. */

/** The accounts of one sequence, and what came of it so far. */
export interface Scene {
  world: LedgerWorld;
  pool: pg.Pool;
  accounts: TestAccount[];
  holds: { id: HoldId; account: number }[];
  /** One of each account. */
  pockets: PocketId[];
  posts: EntryId[];
  debts: { id: EntryId; account: number }[];
}

export async function newScene(world: LedgerWorld, pool: pg.Pool): Promise<Scene> {
  const accounts: TestAccount[] = [];
  const pockets: PocketId[] = [];
  for (const currency of CURRENCIES) {
    const account = await world.funded(FUNDS * UNIT[currency], currency);
    const id = newId<PocketId>();
    await openPocket(world.ledger, { id, accountId: account.accountId, most: 1 });
    accounts.push(account);
    pockets.push(id);
  }
  return { world, pool, accounts, holds: [], pockets, posts: [], debts: [] };
}

const inUnits = (account: number, units: bigint) => units * UNIT[CURRENCIES[account]!];
const spending = (scene: Scene, account: number, units: bigint) => ({
  ownerId: scene.accounts[account]!.ownerId,
  usdMinor: units,
  amountMinor: inUnits(account, units),
  bankDailyUsdMinor: LIMIT,
  bankMonthlyUsdMinor: LIMIT,
});
const outcomeOf = (verdict: { ok: true } | { ok: false; refusal: Outcome }) => (verdict.ok ? 'DONE' : verdict.refusal);

/** Does it for good, or up to the crash: then its backend is killed before the commit. */
export async function perform(scene: Scene, operation: Operation): Promise<Outcome> {
  const client = await scene.pool.connect();
  const made = newId<HoldId & EntryId>();
  // What breaks is told by the query that meets it.
  client.on('error', () => {});
  try {
    await client.query('BEGIN');
    const outcome = await run(scene, client, operation, made);
    if (operation.crash) await kill(scene, client);
    else {
      await client.query('COMMIT');
      if (outcome === 'DONE') await remember(scene, operation, made);
    }
    client.release(operation.crash);
    return outcome;
  } catch (error) {
    client.release(true);
    if (isDatabaseLost(error)) return 'KILLED';
    throw error;
  }
}

async function kill({ world }: Scene, client: pg.PoolClient): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  await world.admin.query({ text: 'SELECT pg_terminate_backend($1, 30000)', values: [rows[0]!.pid] });
}

/** Kills whatever of the scene is in the middle of something. */
export async function killBusyBackends({ world }: Scene): Promise<void> {
  await world.admin.query({
    text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND usename = 'dwaybank_ledger' AND state <> 'idle'`,
  });
}

/** What later operations may be done with. */
async function remember(scene: Scene, operation: Operation, made: HoldId & EntryId): Promise<void> {
  if (operation.op === 'place') scene.holds.push({ id: made, account: operation.account });
  if (operation.op === 'post') scene.posts.push(made);
  if (operation.op !== 'reverse') return;
  const { rows } = await scene.world.ledger.query<{ debtor_id: UserId }>({
    text: 'SELECT debtor_id FROM ledger.receivable WHERE id = $1',
    values: [made],
  });
  const account = scene.accounts.findIndex(({ ownerId }) => ownerId === rows[0]?.debtor_id);
  if (account >= 0) scene.debts.push({ id: made, account });
}

async function run(scene: Scene, db: Queryable, operation: Operation, made: HoldId & EntryId): Promise<Outcome> {
  const { accounts, holds } = scene;
  switch (operation.op) {
    case 'post': {
      const { from, to, units } = operation;
      const entry = movement(accounts[from]!, accounts[destinationOf(from, to)]!, inUnits(from, units));
      const verdict = await postEntry(db, {
        ...entry,
        id: made,
        spending: { ...spending(scene, from, units), currency: CURRENCIES[from]! },
      });
      return verdict.posted ? 'DONE' : verdict.refusal;
    }
    case 'place': {
      const { account, units } = operation;
      const { accountId, currency } = accounts[account]!;
      const amount = { amountMinor: inUnits(account, units), currency };
      const request = { id: made, accountId, amount, transferId: null, spending: spending(scene, account, units) };
      return outcomeOf(await placeHold(db, request));
    }
    case 'sweep':
      return expireHolds(db, 1_000);
    case 'freeze':
      await scene.world.admin.query({
        text: 'UPDATE ledger.account SET status = $2 WHERE id = $1',
        values: [accounts[operation.account]!.accountId, operation.frozen ? 'FROZEN' : 'ACTIVE'],
      });
      return 'DONE';
    case 'overdraft': {
      const { account, units } = operation;
      const change = { accountId: accounts[account]!.accountId, amountMinor: inUnits(account, units) };
      const said = await setOverdraft(db, { ...change, changedBy: newId<UserId>() });
      if (!said.ok) return said.refusal;
      return said.changed ? 'DONE' : 'UNCHANGED';
    }
    case 'pocket': {
      const { account, units } = operation;
      return (await movePocket(db, scene.pockets[account]!, inUnits(account, units))) ?? 'DONE';
    }
    case 'reverse':
    case 'collect':
      return takeBack(scene, db, operation, made);
    case 'capture':
    case 'increase':
    case 'pass':
    case 'release': {
      const hold = holds[operation.hold % holds.length];
      return hold ? runOnHold(scene, db, hold, operation) : 'NOTHING_THERE';
    }
  }
}

async function takeBack(
  scene: Scene,
  db: Queryable,
  operation: Extract<Operation, { op: 'reverse' | 'collect' }>,
  made: EntryId,
): Promise<Outcome> {
  if (operation.op === 'collect') {
    const debt = scene.debts[operation.debt % scene.debts.length];
    if (!debt) return 'NOTHING_THERE';
    const { accountId } = scene.accounts[debt.account]!;
    const { verdict } = await collectReceivable(db, { receivableId: debt.id, accountId }, made);
    return verdict === 'COLLECTED' ? 'DONE' : verdict;
  }
  const post = scene.posts[operation.post % scene.posts.length];
  if (!post) return 'NOTHING_THERE';
  const { rows } = await db.query<{ account_id: string }>({
    text: 'SELECT account_id FROM ledger.posting WHERE entry_id = $1 LIMIT 1',
    values: [post],
  });
  const account = scene.accounts.findIndex(({ accountId }) => accountId === rows[0]!.account_id);
  const amount = operation.units === null ? null : inUnits(account, operation.units);
  const { verdict } = await reverseEntry(db, post, amount, operation.shortfall, made);
  return verdict === 'POSTED' ? 'DONE' : verdict;
}

async function runOnHold(
  scene: Scene,
  db: Queryable,
  { id, account }: Scene['holds'][number],
  operation: Extract<Operation, { hold: number }>,
): Promise<Outcome> {
  switch (operation.op) {
    case 'capture': {
      const to = scene.accounts[destinationOf(account, operation.to)]!;
      const entry = movement(scene.accounts[account]!, to, inUnits(account, operation.units));
      return outcomeOf(await captureHold(db, id, entry, { final: operation.final }));
    }
    case 'release':
      return outcomeOf(await releaseHold(db, id, operation.units === null ? null : inUnits(account, operation.units)));
    case 'increase':
      return outcomeOf(
        await increaseHold(db, id, inUnits(account, operation.units), spending(scene, account, operation.units)),
      );
    case 'pass':
      await scene.world.admin.query({
        text: `UPDATE ledger.hold SET expires_at = clock_timestamp() WHERE id = $1 AND status = 'OPEN'`,
        values: [id],
      });
      return 'DONE';
  }
}

/** The accounts in units, as the model has them. */
export async function stateOf({ accounts, world: { ledger } }: Scene) {
  const found = await balances(
    ledger,
    accounts.map(({ accountId }) => accountId),
  );
  const counters = await readSpending(
    ledger,
    accounts.map(({ ownerId }) => ownerId),
  );
  return accounts.map(({ accountId, ownerId }, index) => {
    const { postedMinor, heldMinor, overdraftMinor, version } = found.get(accountId)!;
    const unit = UNIT[CURRENCIES[index]!];
    expect([postedMinor % unit, heldMinor % unit, overdraftMinor % unit]).toEqual([0n, 0n, 0n]);
    return {
      posted: postedMinor / unit,
      held: heldMinor / unit,
      overdraft: overdraftMinor / unit,
      version,
      spent: counters.get(ownerId)![0]!.spentTodayMinor,
    };
  });
}

/** All versions of all accounts and all holds, without ids and times: what two books that did the same have in common. */
export async function booksOf({ accounts, holds, world: { ledger } }: Scene) {
  const versions = await Promise.all(accounts.map(({ accountId }) => changesAfter(ledger, accountId, 0, 10_000)));
  const { rows } = await ledger.query({
    text: `SELECT status, amount, captured, released FROM ledger.hold JOIN unnest($1::uuid[]) WITH ORDINALITY AS named (id, no) USING (id) ORDER BY no`,
    values: [holds.map(({ id }) => id)],
  });
  return {
    versions: versions.map((changes) =>
      changes.map(({ version, postedMinor, heldMinor, amountMinor }) => [version, postedMinor, heldMinor, amountMinor]),
    ),
    holds: rows,
  };
}

/** What the customers of a scene owe in a currency, in units. */
export async function owedIn(
  { accounts, world: { ledger } }: Scene,
  currency: (typeof CURRENCIES)[number],
): Promise<bigint> {
  const { rows } = await ledger.query<{ owed: string }>({
    text: `SELECT coalesce(sum(amount - collected), 0) AS owed FROM ledger.receivable WHERE currency = $1 AND debtor_id = ANY ($2::uuid[])`,
    values: [currency, accounts.map(({ ownerId }) => ownerId)],
  });
  return BigInt(rows[0]!.owed) / UNIT[currency];
}
