import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Queryable } from '../platform/db.ts';
import { newId, type AccountId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, movement, type LedgerWorld } from '../tests/ledger-world.ts';
import { until } from '../tests/until.ts';
import { availableMinor, balancesAsOf, balances, changesAfter, type LedgerBalance } from './balances.ts';
import { postEntries, postEntry } from './post.ts';

let world: LedgerWorld;
beforeAll(async () => {
  world = await createLedgerWorld();
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

const balanceAsOf = async (db: Queryable, accountId: AccountId, at: Date) =>
  (await balancesAsOf(db, [{ accountId, at }]))[0] ?? null;
const moment = (at: Date, differenceMs: number) => new Date(at.getTime() + differenceMs);

/** Moves all that has happened back in time: what really takes minutes is over at once. */
async function age(minutes: number): Promise<void> {
  const earlier = (column: string) => `${column} = ${column} - interval '${minutes} minutes'`;
  await world.admin.query({
    text: `SET session_replication_role = replica;
      UPDATE ledger.balance_changes SET ${earlier('at')};
      UPDATE ledger.posting SET ${earlier('at')};
      UPDATE ledger.entry SET ${earlier('at')};
      UPDATE ledger.account SET ${earlier('changed_at')}, ${earlier('opened_at')};
      SET session_replication_role = DEFAULT`,
  });
}

describe('balances', () => {
  test('come in one call for many accounts, and not for what does not exist', async () => {
    const [a, b] = await Promise.all([world.funded(1_000n), world.funded(2_000n)]);
    const nobody = newId<AccountId>();
    const found = await balances(world.ledger, [a.accountId, nobody, b.accountId]);
    expect([...found.keys()].sort()).toEqual([a.accountId, b.accountId].sort());
    expect(found.get(b.accountId)).toMatchObject({ postedMinor: 2_000n, version: 1 });
  });

  test('available is posted less held plus overdraft', () => {
    const balance = { postedMinor: 100n, heldMinor: 30n, overdraftMinor: 50n } as LedgerBalance;
    expect(availableMinor(balance)).toBe(120n);
  });
});

describe('changes after a version', () => {
  test('are the following ones, oldest first, at most as many as asked for', async () => {
    const [a, b] = await Promise.all([world.funded(1_000n), world.open()]);
    for (const amount of [1n, 2n, 3n]) await postEntry(world.ledger, movement(a, b, amount));
    const changes = await changesAfter(world.ledger, a.accountId, 1, 2);
    expect(changes).toMatchObject([
      { version: 2, amountMinor: -1n, postedMinor: 999n, postingId: expect.any(String) },
      { version: 3, amountMinor: -2n, postedMinor: 997n },
    ]);
    expect(await changesAfter(world.ledger, a.accountId, 4, 10)).toEqual([]);
  });
});

describe('the balance as of a moment', () => {
  test('is each version from its own time until the next one’s', async () => {
    const account = await world.open();
    for (const amount of [100n, 20n, 3n]) await world.fund(account, amount);
    const changes = await changesAfter(world.ledger, account.accountId, 0, 10);
    for (const { at } of changes) {
      // Of several changes within one millisecond the last one holds at its end.
      const last = changes.findLast((change) => change.at.getTime() === at.getTime())!;
      expect(await balanceAsOf(world.ledger, account.accountId, at)).toMatchObject({
        version: last.version,
        postedMinor: last.postedMinor,
        at,
      });
    }
    const now = (await balances(world.ledger, [account.accountId])).get(account.accountId);
    expect(await balanceAsOf(world.ledger, account.accountId, new Date(Date.now() + 3_600_000))).toEqual(now);
  });

  test('before the first change is zero at version 0, and of an account that does not exist is nothing', async () => {
    const account = await world.funded(100n);
    const [first] = await changesAfter(world.ledger, account.accountId, 0, 1);
    const before = await balanceAsOf(world.ledger, account.accountId, moment(first!.at, -60_000));
    expect(before).toMatchObject({ version: 0, postedMinor: 0n, heldMinor: 0n, overdraftMinor: 0n });
    expect(await balanceAsOf(world.ledger, newId<AccountId>(), new Date())).toBeNull();
    expect(await balanceAsOf(world.ledger, newId<AccountId>(), new Date(0))).toBeNull();
  });

  test('is the same asked alone or with others, in whatever order', async () => {
    const [a, b] = await Promise.all([world.funded(100n), world.funded(200n)]);
    await postEntry(world.ledger, movement(a, b, 30n));
    const [, change] = await changesAfter(world.ledger, a.accountId, 0, 2);
    const asked = [b, a, { accountId: newId<AccountId>() }, a, b].flatMap(({ accountId }) =>
      [new Date(), change!.at, moment(change!.at, -1)].map((at) => ({ accountId, at })),
    );
    const together = await balancesAsOf(world.ledger, asked);
    for (const [index, { accountId, at }] of asked.entries()) {
      expect(together[index]).toEqual(await balanceAsOf(world.ledger, accountId, at));
    }
    expect(await balancesAsOf(world.ledger, [])).toEqual([]);
  });

  test('waits for no posting in a circle, in whatever order accounts are asked for', async () => {
    const accounts = await Promise.all(Array.from({ length: 6 }, () => world.funded(1_000n)));
    let posting = true;
    const postings = Promise.all(
      Array.from({ length: 4 }, async (_, worker) => {
        for (let n = 0; n < 60; n++) {
          const [from, to] = [accounts[(worker + n) % 6]!, accounts[(worker + 5 * n + 1) % 6]!];
          if (from !== to) await postEntry(world.ledger, movement(from, to, 1n));
        }
      }),
    ).finally(() => {
      posting = false;
    });
    for (let n = 0; posting; n++) {
      const shuffled = [...accounts.slice(n % 6), ...accounts.slice(0, n % 6)].reverse();
      const found = await balancesAsOf(
        world.ledger,
        shuffled.map(({ accountId }) => ({ accountId, at: new Date() })),
      );
      expect(found).not.toContain(null);
    }
    await postings;
  });

  test('finds any version of a long past', async () => {
    const account = await world.open();
    const payer = await world.funded(100_000n);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), async (count) => {
        await postEntries(
          world.ledger,
          Array.from({ length: count }, () => movement(payer, account, 1n)),
        );
      }),
      { numRuns: 10 },
    );
    await age(10);
    const changes = await changesAfter(world.ledger, account.accountId, 0, 1_000);
    for (const change of changes) {
      const last = changes.findLast(({ at }) => at.getTime() === change.at.getTime())!;
      expect((await balanceAsOf(world.ledger, account.accountId, change.at))!.version).toBe(last.version);
      const earlier = changes.findLast(({ at }) => at < change.at);
      expect((await balanceAsOf(world.ledger, account.accountId, moment(change.at, -1)))!.version).toBe(
        earlier?.version ?? 0,
      );
    }
  });

  test('waits for a posting that has its time but is not committed yet', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    const client = await world.database.pool('dwaybank_ledger', { max: 1 }).connect();
    try {
      await client.query('BEGIN');
      const verdict = await postEntry(client, movement(from, to, 400n));
      if (!verdict.posted) throw new Error(verdict.refusal);
      let answered = false;
      const answer = balanceAsOf(world.ledger, from.accountId, verdict.at).finally(() => {
        answered = true;
      });
      await until('the question waits for the lock', async () => {
        const { rows } = await world.admin.query<{ waits: boolean }>({
          text: `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                   AND wait_event_type = 'Lock' AND query LIKE '%balance_as_of%') AS waits`,
        });
        return rows[0]!.waits;
      });
      expect(answered).toBe(false);
      await client.query('COMMIT');
      expect(await answer).toMatchObject({ version: 2, postedMinor: 600n });
    } finally {
      client.release();
    }
  });

  test('of a moment that is past stays what it was said to be, while posting goes on', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    let posting = true;
    const postings = (async () => {
      for (let index = 0; index < 150; index++) await postEntry(world.ledger, movement(from, to, 1n));
    })().finally(() => {
      posting = false;
    });
    const said: { at: Date; balance: LedgerBalance }[] = [];
    while (posting) {
      const { rows } = await world.ledger.query<{ at: Date }>({
        text: `SELECT date_trunc('milliseconds', clock_timestamp()) AS at`,
      });
      const at = rows[0]!.at;
      said.push({ at, balance: (await balanceAsOf(world.ledger, from.accountId, at))! });
    }
    await postings;
    expect(said.length).toBeGreaterThan(5);
    for (const { at, balance } of said) expect(await balanceAsOf(world.ledger, from.accountId, at)).toEqual(balance);
  });

  test('of a moment long past is answered beside a posting under way', async () => {
    const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
    await age(5);
    const client = await world.database.pool('dwaybank_ledger', { max: 1 }).connect();
    try {
      await client.query('BEGIN');
      await postEntry(client, movement(from, to, 400n));
      // Would wait for the rollback below, for ever, if it took the lock.
      expect(await balanceAsOf(world.ledger, from.accountId, moment(new Date(), -120_000))).toMatchObject({
        version: 1,
      });
      await client.query('ROLLBACK');
    } finally {
      client.release();
    }
  });
});
