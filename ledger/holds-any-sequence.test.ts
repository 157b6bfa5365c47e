import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import type { Queryable } from '../platform/db.ts';
import { newId, type HoldId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import {
  CURRENCIES,
  destinationOf,
  FUNDS,
  LIMIT,
  newModel,
  operations,
  predict,
  UNIT,
  type Operation,
  type Outcome,
} from '../tests/hold-operations.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { balances, changesAfter } from './balances.ts';
import { captureHold, increaseHold, placeHold } from '../tests/holds.ts';
import { expireHolds, releaseHold } from './holds.ts';
import { readSpending } from './limits.ts';
import { postEntry } from './post.ts';

/*
 * Whatever is done with holds, in whatever order, by however many at once, and wherever it breaks off: the books are right. fast-check
 * prints the seed and the shortest sequence of a failure.
 */

let world: LedgerWorld;
let pool: pg.Pool;
beforeAll(async () => {
  world = await createLedgerWorld();
  pool = world.database.pool('dwaybank_ledger', { max: 4 });
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

/** The accounts and holds of one sequence, and hands to work on them. */
interface Scene {
  world: LedgerWorld;
  pool: pg.Pool;
  accounts: TestAccount[];
  holds: { id: HoldId; account: number }[];
}

async function newScene(of = world, connections = pool): Promise<Scene> {
  const accounts: TestAccount[] = [];
  for (const currency of CURRENCIES) accounts.push(await of.funded(FUNDS * UNIT[currency], currency));
  return { world: of, pool: connections, accounts, holds: [] };
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

/** Does it for good, or up to the crash: then the connection breaks before its commit. */
async function perform(scene: Scene, operation: Operation): Promise<Outcome> {
  const client = await scene.pool.connect();
  const id = newId<HoldId>();
  try {
    await client.query('BEGIN');
    const outcome = await run(scene, client, operation, id);
    if (!operation.crash) {
      await client.query('COMMIT');
      if (operation.op === 'place' && outcome === 'DONE') scene.holds.push({ id, account: operation.account });
    }
    client.release(operation.crash);
    return outcome;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

async function run(scene: Scene, db: Queryable, operation: Operation, newHold: HoldId): Promise<Outcome> {
  const { accounts, holds } = scene;
  switch (operation.op) {
    case 'post': {
      const { from, to, units } = operation;
      const entry = movement(accounts[from]!, accounts[destinationOf(from, to)]!, inUnits(from, units));
      const verdict = await postEntry(db, {
        ...entry,
        spending: { ...spending(scene, from, units), currency: CURRENCIES[from]! },
      });
      return verdict.posted ? 'DONE' : verdict.refusal;
    }
    case 'place': {
      const { account, units } = operation;
      const { accountId, currency } = accounts[account]!;
      const amount = { amountMinor: inUnits(account, units), currency };
      const request = { id: newHold, accountId, amount, transferId: null, spending: spending(scene, account, units) };
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
    case 'capture':
    case 'increase':
    case 'pass':
    case 'release': {
      const hold = holds[operation.hold % holds.length];
      return hold ? runOnHold(scene, db, hold, operation) : 'NO_SUCH_HOLD';
    }
  }
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
async function stateOf({ accounts, world: { ledger } }: Scene) {
  const found = await balances(
    ledger,
    accounts.map(({ accountId }) => accountId),
  );
  const counters = await readSpending(
    ledger,
    accounts.map(({ ownerId }) => ownerId),
  );
  return accounts.map(({ accountId, ownerId }, index) => {
    const { postedMinor, heldMinor, version } = found.get(accountId)!;
    const unit = UNIT[CURRENCIES[index]!];
    expect([postedMinor % unit, heldMinor % unit]).toEqual([0n, 0n]);
    return {
      posted: postedMinor / unit,
      held: heldMinor / unit,
      version,
      spent: counters.get(ownerId)![0]!.spentTodayMinor,
    };
  });
}

/** All versions of all accounts and all holds, without ids and times: what two books that did the same have in common. */
async function booksOf({ accounts, holds, world: { ledger } }: Scene) {
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

async function allInTurn(scene: Scene, sequence: readonly Operation[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const operation of sequence) outcomes.push(await perform(scene, operation));
  return outcomes;
}

describe('any sequence of postings and holds', () => {
  test('ends where a simple model ends; what is refused or breaks off leaves no row anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(operations(40), async (sequence) => {
        const scene = await newScene();
        const model = newModel();
        for (const operation of sequence) {
          const next = structuredClone(model);
          const expected = predict(next, operation);
          const traceless = operation.crash || (expected !== 'DONE' && typeof expected !== 'number');
          const before = traceless ? await world.fingerprint() : null;
          expect(await perform(scene, operation)).toBe(expected);
          if (before) expect(await world.fingerprint()).toEqual(before);
          else Object.assign(model, next);
        }
        expect(await stateOf(scene)).toEqual(model.accounts.map(({ frozen: _frozen, ...account }) => account));
        await expectBooksOk(world.admin);
        await expireHolds(world.ledger, 1_000);
      }),
      { numRuns: 12, interruptAfterTimeLimit: 12_000 },
    );
  });

  test('done again on a fresh database makes equal books', async () => {
    const [sequence] = fc.sample(operations(120, 120), { numRuns: 1, seed: 20261121 });
    const books = [];
    for (let time = 0; time < 2; time++) {
      const fresh = await createLedgerWorld();
      const scene = await newScene(fresh, fresh.database.pool('dwaybank_ledger', { max: 1 }));
      const outcomes = await allInTurn(scene, sequence!);
      books.push({ outcomes, ...(await booksOf(scene)) });
      await expectBooksOk(fresh.admin);
      await fresh.drop();
    }
    expect(books[0]!.outcomes.filter((outcome) => outcome === 'DONE').length).toBeGreaterThan(20);
    expect(books[1]).toEqual(books[0]);
  });
});

describe('any operations at once', () => {
  test('keep every currency whole, nobody below zero, and held what open holds hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operations(15), { minLength: 2, maxLength: 4 }), async (sequences) => {
        const scene = await newScene();
        await Promise.all(sequences.map((sequence) => allInTurn(scene, sequence)));
        const state = await stateOf(scene);
        for (const currency of new Set(CURRENCIES)) {
          const those = state.filter((_, index) => CURRENCIES[index] === currency);
          expect(those.reduce((sum, { posted }) => sum + posted, 0n)).toBe(BigInt(those.length) * FUNDS);
        }
        for (const { posted, held, spent } of state) {
          expect(posted - held).toBeGreaterThanOrEqual(0n);
          expect(spent).toBeLessThanOrEqual(LIMIT);
        }
        await expectBooksOk(world.admin);
        await expireHolds(world.ledger, 1_000);
      }),
      { numRuns: 15, interruptAfterTimeLimit: 12_000 },
    );
  });
});
