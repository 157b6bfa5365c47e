import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { expectBooksOk } from '../tests/books.ts';
import { newModel, predict } from '../tests/ledger-model.ts';
import { CURRENCIES, FUNDS, LIMIT, operations, type Operation, type Outcome } from '../tests/ledger-operations.ts';
import { booksOf, killBusyBackends, newScene, owedIn, perform, stateOf, type Scene } from '../tests/ledger-scene.ts';
import { createLedgerWorld, type LedgerWorld } from '../tests/ledger-world.ts';
import { expireHolds } from './holds.ts';

/*
 * Whatever is done with the books, in whatever order, by however many at once, and whatever backend is killed: they are right. Posts, holds,
 * reversals, receivables and their collection, freezes, overdrafts, pockets and limits are done together. fast-check prints the seed
 * and the shortest sequence of a failure.
 */

let world: LedgerWorld;
let pool: pg.Pool;
beforeAll(async () => {
  world = await createLedgerWorld();
  pool = world.database.pool('dwaybank_ledger', { max: 4 });
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

/** A sequence in which each kind of operation is done at least once. */
const [everything] = fc.sample(operations(120, 120), { numRuns: 1, seed: 20261140 });

async function allInTurn(scene: Scene, sequence: readonly Operation[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const operation of sequence) outcomes.push(await perform(scene, operation));
  return outcomes;
}

describe('any sequence of operations', () => {
  test('ends where a simple model ends; what is refused or breaks off leaves no row anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(operations(40), async (sequence) => {
        const scene = await newScene(world, pool);
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
        expect(await stateOf(scene)).toEqual(
          model.accounts.map(({ frozen: _frozen, pocket: _pocket, ...account }) => account),
        );
        await expectBooksOk(world.admin);
        await expireHolds(world.ledger, 1_000);
      }),
      { numRuns: 12, interruptAfterTimeLimit: 15_000, examples: [[everything!]] },
    );
  });

  test('done again on a fresh database makes equal books', async () => {
    const books: ({ outcomes: Outcome[] } & Awaited<ReturnType<typeof booksOf>>)[] = [];
    for (let time = 0; time < 2; time++) {
      const fresh = await createLedgerWorld();
      const scene = await newScene(fresh, fresh.database.pool('dwaybank_ledger', { max: 1 }));
      const outcomes = await allInTurn(scene, everything!);
      books.push({ outcomes, ...(await booksOf(scene)) });
      await expectBooksOk(fresh.admin);
      await fresh.drop();
    }
    const done = everything!.filter(({ crash }, index) => {
      const outcome = books[0]!.outcomes[index]!;
      return !crash && (outcome === 'DONE' || (typeof outcome === 'number' && outcome > 0));
    });
    expect(new Set(done.map(({ op }) => op))).toEqual(new Set(everything!.map(({ op }) => op)));
    expect(new Set(done.map(({ op }) => op)).size).toBe(12);
    expect(books[1]).toEqual(books[0]);
  });
});

describe('any operations at once', () => {
  test('keep every currency whole, nobody below zero, and held what open holds hold', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operations(15), { minLength: 2, maxLength: 4 }),
        fc.nat(3),
        async (sequences, kills) => {
          const scene = await newScene(world, pool);
          await Promise.all([
            ...sequences.map((sequence) => allInTurn(scene, sequence)),
            // In the middle of whatever they are at.
            ...Array.from({ length: kills }, () => killBusyBackends(scene)),
          ]);
          const state = await stateOf(scene);
          for (const currency of new Set(CURRENCIES)) {
            const those = state.filter((_, index) => CURRENCIES[index] === currency);
            const owed = await owedIn(scene, currency);
            expect(those.reduce((sum, { posted }) => sum + posted, 0n) - owed).toBe(BigInt(those.length) * FUNDS);
          }
          for (const { posted, held, overdraft, spent } of state) {
            expect(posted - held + overdraft).toBeGreaterThanOrEqual(0n);
            expect(spent).toBeLessThanOrEqual(LIMIT);
          }
          await expectBooksOk(world.admin);
          await expireHolds(world.ledger, 1_000);
        },
      ),
      { numRuns: 15, interruptAfterTimeLimit: 12_000 },
    );
  });
});
