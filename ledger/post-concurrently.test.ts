import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { withRetry } from '../platform/db.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { balances, changesAfter } from './balances.ts';
import { postEntries, postEntry, type EntryVerdict } from './post.ts';

let world: LedgerWorld;
beforeAll(async () => {
  world = await createLedgerWorld();
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

const balancesOf = async (accounts: readonly TestAccount[]) => {
  const found = await balances(
    world.ledger,
    accounts.map(({ accountId }) => accountId),
  );
  return accounts.map(({ accountId }) => found.get(accountId)!);
};
const deadlocks = async () =>
  (
    await world.admin.query<{ deadlocks: string }>({
      text: 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    })
  ).rows[0]!.deadlocks;

/** Who pays whom how much, as indexes into a handful of accounts. */
const payments = (accounts: number) =>
  fc.array(
    fc
      .record({ from: fc.nat(accounts - 1), to: fc.nat(accounts - 1), amount: fc.bigInt(1n, 60n) })
      .filter(({ from, to }) => from !== to),
    { minLength: 1, maxLength: 40 },
  );

describe('any sequence of movements', () => {
  test('ends where a simple model ends, with the same verdicts, however it is cut into batches', async () => {
    await fc.assert(
      fc.asyncProperty(payments(4), fc.integer({ min: 1, max: 40 }), async (moves, batchSize) => {
        const accounts = await Promise.all(Array.from({ length: 4 }, () => world.funded(100n)));
        const model = accounts.map(() => ({ posted: 100n, version: 1 }));
        const expected = moves.map(({ from, to, amount }) => {
          if (model[from]!.posted < amount) return 'INSUFFICIENT_FUNDS';
          model[from] = { posted: model[from]!.posted - amount, version: model[from]!.version + 1 };
          model[to] = { posted: model[to]!.posted + amount, version: model[to]!.version + 1 };
          return 'POSTED';
        });
        const verdicts: EntryVerdict[] = [];
        for (let start = 0; start < moves.length; start += batchSize) {
          const batch = moves.slice(start, start + batchSize);
          const entries = batch.map(({ from, to, amount }) => movement(accounts[from]!, accounts[to]!, amount));
          verdicts.push(...(await postEntries(world.ledger, entries)));
        }
        expect(verdicts.map((verdict) => (verdict.posted ? 'POSTED' : verdict.refusal))).toEqual(expected);
        const found = await balancesOf(accounts);
        expect(found.map(({ postedMinor, version }) => ({ posted: postedMinor, version }))).toEqual(model);
      }),
      { numRuns: 25 },
    );
  });

  test('keeps the total, and every account at or above zero, when many run at once', async () => {
    await fc.assert(
      fc.asyncProperty(payments(3), async (moves) => {
        const accounts = await Promise.all(Array.from({ length: 3 }, () => world.funded(100n)));
        const verdicts = await Promise.all(
          moves.map(({ from, to, amount }) =>
            postEntry(world.ledger, movement(accounts[from]!, accounts[to]!, amount)),
          ),
        );
        const found = await balancesOf(accounts);
        expect(found.reduce((sum, { postedMinor }) => sum + postedMinor, 0n)).toBe(300n);
        expect(found.every(({ postedMinor }) => postedMinor >= 0n)).toBe(true);
        const posted = verdicts.filter((verdict) => verdict.posted).length;
        expect(found.reduce((sum, { version }) => sum + version, 0)).toBe(3 + 2 * posted);
      }),
      { numRuns: 15 },
    );
  });
});

describe('at the same time', () => {
  test('twenty movements of a whole balance: one is posted, the others have no cover', async () => {
    const from = await world.funded(10_000n);
    const to = await world.open();
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, () => postEntry(world.ledger, movement(from, to, 10_000n))),
    );
    expect(verdicts.filter(({ posted }) => posted)).toHaveLength(1);
    expect(verdicts.filter((verdict) => !verdict.posted && verdict.refusal === 'INSUFFICIENT_FUNDS')).toHaveLength(19);
    expect(await balancesOf([from, to])).toMatchObject([
      { postedMinor: 0n, version: 2 },
      { postedMinor: 10_000n, version: 1 },
    ]);
  });

  test('movements there and back never wait for each other in a circle', async () => {
    const [a, b, c] = await Promise.all([world.funded(10_000n), world.funded(10_000n), world.funded(10_000n)]);
    const before = await deadlocks();
    const rounds = Array.from({ length: 60 }, (_, round) => {
      const there = [movement(a, b, 1n), movement(b, c, 1n), movement(c, a, 1n)];
      const back = [movement(c, b, 1n), movement(b, a, 1n), movement(a, c, 1n)];
      return postEntries(world.ledger, round % 2 === 0 ? there : back);
    });
    const verdicts = (await Promise.all(rounds)).flat();
    expect(verdicts.filter(({ posted }) => posted)).toHaveLength(180);
    expect(await balancesOf([a, b, c])).toMatchObject([
      { postedMinor: 10_000n, version: 121 },
      { postedMinor: 10_000n, version: 121 },
      { postedMinor: 10_000n, version: 121 },
    ]);
    expect(await deadlocks()).toBe(before);
  });

  test('the versions of a hot account are 1, 2, 3 … and its times never fall', async () => {
    const hot = await world.open();
    const payers = await Promise.all(Array.from({ length: 10 }, () => world.funded(1_000n)));
    await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        postEntry(world.ledger, movement(payers[index % 10]!, hot, BigInt(index + 1))),
      ),
    );
    const changes = await changesAfter(world.ledger, hot.accountId, 0, 1_000);
    expect(changes.map(({ version }) => version)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(changes.at(-1)).toMatchObject({ postedMinor: 5_050n });
    const times = changes.map(({ at }) => at.getTime());
    expect(times).toEqual([...times].sort((left, right) => left - right));
  });

  test('nobody reads a balance that is half of an entry', async () => {
    const [a, b] = await Promise.all([world.funded(1_000n), world.funded(1_000n)]);
    let posting = true;
    const postings = Promise.all(
      Array.from({ length: 60 }, () => withRetry(() => postEntry(world.ledger, movement(a, b, 5n)))),
    ).finally(() => {
      posting = false;
    });
    while (posting) {
      const found = await balancesOf([a, b]);
      expect(found[0]!.postedMinor + found[1]!.postedMinor).toBe(2_000n);
    }
    await postings;
  });
});
