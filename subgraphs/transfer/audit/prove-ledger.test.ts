import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { placeHold } from '../../../tests/holds.ts';
import { releaseHold } from '../../../ledger/holds.ts';
import { extendChain } from '../../../ledger/chain.ts';
import { readPostingStop, resumePosting } from '../../../ledger/posting-gate.ts';
import { postEntry } from '../../../ledger/post.ts';
import { readProofs } from '../../../ledger/proof-store.ts';
import { createLog } from '../../../platform/log.ts';
import { newId, type HoldId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import { chainEntries } from '../../../tests/chain-entries.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../../../tests/ledger-world.ts';
import { readAlarms } from '../operations/alarms.ts';
import { ledgerHealth } from './ledger-health.ts';
import { proveLedger } from './prove-ledger.ts';

/* The second computation agrees with the books as they are, sees what was done to them behind the functions' back, and then stops them. */

let world: LedgerWorld;
let pool: pg.Pool;
let superuser: pg.Pool;
let ada: TestAccount;
let ben: TestAccount;

const prove = (options: { complete?: boolean } = {}) => proveLedger({ pool, log: createLog('silent') }, options);

async function pay(amount = 1n): Promise<void> {
  expect(await postEntry(world.ledger, movement(ada, ben, amount))).toMatchObject({ posted: true });
}

/** As somebody who asks no trigger. */
async function tamper(sql: string, values: unknown[] = []): Promise<void> {
  const client = await superuser.connect();
  try {
    await client.query(`SET session_replication_role = 'replica'`);
    expect((await client.query(sql, values)).rowCount).toBeGreaterThan(0);
    await client.query('RESET session_replication_role');
  } finally {
    client.release();
  }
}

// Each on books of its own, because what is broken here stays broken.
beforeEach(async () => {
  world = await createLedgerWorld();
  pool = world.database.pool('dwaybank_transfer', { max: 4 });
  superuser = world.database.pool('postgres', { max: 2 });
  [ada, ben] = [await world.funded(1_000n), await world.funded(500n, 'USD')];
  await world.funded(7n, 'EUR');
});
const worlds: LedgerWorld[] = [];
afterAll(() => Promise.all(worlds.map((each) => each.drop())));
beforeEach(() => {
  worlds.push(world);
});

describe('a proof', () => {
  test('finds nothing wrong with books that are right, complete and then from the proof before on', async () => {
    await pay();
    expect(await prove()).toMatchObject({ complete: true, findings: [] });
    for (let round = 0; round < 3; round++) {
      await pay(5n);
      await world.fund(ben, 11n);
      expect(await prove()).toMatchObject({ complete: false, findings: [] });
    }
    expect(await prove({ complete: true })).toMatchObject({ complete: true, findings: [] });
    expect(await readPostingStop(pool)).toBeNull();
  });

  test('is right beside a bank that goes on posting, holding and releasing', async () => {
    let going = true;
    const busy = Promise.all(
      Array.from({ length: 4 }, async () => {
        const [mine, theirs] = [await world.funded(1_000n), await world.open()];
        while (going) {
          await postEntry(world.ledger, movement(mine, theirs, 1n));
          await postEntry(world.ledger, movement(theirs, mine, 1n));
          const id = newId<HoldId>();
          const amount = { amountMinor: 3n, currency: 'USD' };
          await placeHold(pool, { id, accountId: mine.accountId, amount, transferId: null });
          await releaseHold(pool, id);
        }
      }),
    );
    for (let round = 0; round < 12; round++) {
      await extendChain(pool, 1_000);
      expect(await prove({ complete: round % 4 === 3 })).toMatchObject({ findings: [] });
    }
    going = false;
    await busy;
    expect(await prove({ complete: true })).toMatchObject({ findings: [] });
  });

  test('counts what was open at one proof and committed before the next', async () => {
    await prove();
    const client = await world.database.pool('dwaybank_ledger', { max: 1 }).connect();
    await client.query('BEGIN');
    await postEntry(client, movement(ada, ben, 9n));
    const [cleo, dora] = [await world.funded(10n), await world.open()];
    await postEntry(world.ledger, movement(cleo, dora, 4n));
    expect(await prove()).toMatchObject({ complete: false, findings: [] });
    await client.query('COMMIT');
    client.release();
    expect(await prove()).toMatchObject({ complete: false, findings: [] });
    expect(await prove({ complete: true })).toMatchObject({ findings: [] });
  });

  test('covers what holds keep back', async () => {
    const id = newId<HoldId>();
    const amount = { amountMinor: 100n, currency: 'USD' };
    expect(await placeHold(pool, { id, accountId: ada.accountId, amount, transferId: null })).toMatchObject({
      ok: true,
    });
    expect(await prove()).toMatchObject({ findings: [] });
    await releaseHold(pool, id);
    expect(await prove()).toMatchObject({ findings: [] });
  });

  test('of two at once one is kept', async () => {
    await prove();
    const proofs = await Promise.all([prove(), prove(), prove()]);
    const { last } = await readProofs(pool);
    expect(proofs.filter((proof) => proof !== null)).toHaveLength(Number(last!.number) - 1);
  });

  test('is complete when none was before, and every so manieth time', async () => {
    const complete: boolean[] = [];
    for (let n = 0; n <= POLICY.audit.completeEvery; n++) complete.push((await prove())!.complete);
    expect(complete.flatMap((each, n) => (each ? [n] : []))).toEqual([0, POLICY.audit.completeEvery]);
  });
});

const BROKEN: [string, (account: TestAccount) => [string, unknown[]], string][] = [
  [
    'a balance that was raised',
    ({ accountId }) => ['UPDATE ledger.account SET posted = posted + 1 WHERE id = $1', [accountId]],
    'a balance is not what its postings add up to',
  ],
  [
    'money that was posted by hand to one side',
    ({ accountId }) => [
      `WITH e AS (INSERT INTO ledger.entry (id, kind, at) VALUES (gen_random_uuid(), 'FUNDING', now()) RETURNING id, at)
       INSERT INTO ledger.posting SELECT gen_random_uuid(), e.id, $1, 'USD', 5, 'DEPOSIT', NULL, e.at FROM e`,
      [accountId],
    ],
    'the accounts of a currency do not add up to zero',
  ],
  [
    'held money that no hold explains',
    ({ accountId }) => ['UPDATE ledger.account SET held = held + 1 WHERE id = $1', [accountId]],
    'what is held is not what the open holds add up to',
  ],
  [
    'a posting on an account that does not exist',
    () => [
      `WITH e AS (INSERT INTO ledger.entry (id, kind, at) VALUES (gen_random_uuid(), 'FUNDING', now()) RETURNING id, at)
       INSERT INTO ledger.posting SELECT gen_random_uuid(), e.id, gen_random_uuid(), 'USD', 5, 'DEPOSIT', NULL, e.at FROM e`,
      [],
    ],
    'postings on no account of their currency',
  ],
];

describe.each(BROKEN)('%s', (_what, sql, problem) => {
  test.each([true, false])('is found, and posting stops by itself (first proof: %s)', async (first) => {
    if (!first) expect(await prove()).toMatchObject({ findings: [] });
    await pay();
    await tamper(...sql(ada));
    expect((await prove())!.findings).toContainEqual(expect.objectContaining({ problem }));

    expect(await readPostingStop(pool)).toMatchObject({ reason: expect.stringContaining('The books do not prove') });
    await expect(postEntry(world.ledger, movement(ada, ben, 1n))).rejects.toMatchObject({ code: 'DW010' });
    const { rows } = await superuser.query(`SELECT kind, severity, class, state FROM transfer.dead_letter`);
    expect(rows).toEqual([{ kind: 'ledger-proof', severity: 'CRITICAL', class: 'PERMANENT', state: 'OPEN' }]);
    const codes = (await readAlarms(pool)).map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(['POSTING_STOPPED', 'PROOF_FAILED', 'CRITICAL_LETTER']));
    expect(await ledgerHealth(pool)).toMatchObject({ ok: false, postingStopped: { reason: expect.any(String) } });
  });
});

describe('when the books do not prove', () => {
  const raise = () => tamper('UPDATE ledger.account SET posted = posted + 1 WHERE id = $1', [ada.accountId]);
  const repair = () => tamper('UPDATE ledger.account SET posted = posted - 1 WHERE id = $1', [ada.accountId]);

  test('it is told once and not each minute, and posting that is resumed without a repair stops again', async () => {
    await raise();
    for (let n = 0; n < 3; n++) await prove();
    const seen = async () =>
      (await superuser.query<{ seen: number }>('SELECT seen FROM transfer.dead_letter')).rows[0]!.seen;
    expect(await seen()).toBe(1);
    await resumePosting(pool);
    await prove();
    expect(await readPostingStop(pool)).not.toBeNull();
    expect(await seen()).toBe(2);
  });

  test('the next good proof says so, and posting stays stopped until a person resumes it', async () => {
    await prove();
    await raise();
    await prove();
    await repair();
    expect(await prove()).toMatchObject({ complete: true, findings: [] });
    expect(await readPostingStop(pool)).not.toBeNull();
    expect(await ledgerHealth(pool)).toMatchObject({ ok: true, findings: [] });
  });

  test('what an earlier proof had added up wrong is not held against the books', async () => {
    await pay();
    await prove();
    await tamper('UPDATE ledger.proved_sum SET total = total + 1 WHERE account_id = $1', [ada.accountId]);
    expect(await prove()).toMatchObject({ complete: true, findings: [] });
    expect(await prove()).toMatchObject({ complete: false, findings: [] });
    expect(await readPostingStop(pool)).toBeNull();
  });

  test('an old entry that was changed so that everything still adds up is found in the chain', async () => {
    for (let n = 0; n < 5; n++) await pay();
    await chainEntries(pool);
    expect(await prove()).toMatchObject({ findings: [] });
    const { position } = (await readProofs(pool)).lastGood!;
    // Nothing that is added up changes: only the chain shows it.
    await tamper(
      `UPDATE ledger.entry SET description = 'something else' WHERE id = (SELECT entry_id FROM ledger.entry_chain WHERE position = 3)`,
    );
    expect((await prove())!.findings).toMatchObject([
      { subject: 'position 3', problem: 'an entry is not as it was chained' },
    ]);
    expect((await readAlarms(pool)).map(({ code }) => code)).toContain('CHAIN_BROKEN');
    expect(await ledgerHealth(pool)).toMatchObject({ lastProvedPosition: String(position) });
  });

  test('also when something was posted between any two proofs: once around begins again at the first position', async () => {
    for (let n = 0; n < 5; n++) await pay();
    for (let n = 0; n < 3; n++) {
      await pay();
      await chainEntries(pool);
      expect(await prove()).toMatchObject({ findings: [] });
    }
    await tamper(
      `UPDATE ledger.entry SET description = 'something else' WHERE id = (SELECT entry_id FROM ledger.entry_chain WHERE position = 3)`,
    );
    await pay();
    await chainEntries(pool);
    expect((await prove())!.findings).toMatchObject([{ subject: 'position 3' }]);
  });

  test('a clock that has gone forward and back stops nobody: it is told once, to a person', async () => {
    const letters = async () =>
      (await superuser.query('SELECT kind, severity, reason, seen FROM transfer.dead_letter')).rows as unknown[];
    await chainEntries(pool);
    await prove();
    const ahead = movement(ada, ben, 1n);
    await postEntry(world.ledger, ahead);
    for (const [table, key] of [['entry', 'id'], ['posting', 'entry_id']] as const) {
      await tamper(`UPDATE ledger.${table} SET at = at + interval '2 hours' WHERE ${key} = $1`, [ahead.id]);
    } // prettier-ignore
    for (let n = 0; n < 3; n++) await world.fund(ben, 1n);
    await chainEntries(pool);
    expect(await prove({ complete: true })).toMatchObject({ findings: [] });
    expect(await readPostingStop(pool)).toBeNull();
    const told = [{
      kind: 'ledger-clock',
      severity: 'HIGH',
      reason: expect.stringContaining('an entry is dated long before the one before it'),
      seen: 1,
    }]; // prettier-ignore
    expect(await letters()).toEqual(told);
    // Read again as an old part of the chain, it is no news.
    await pay();
    await chainEntries(pool);
    for (let n = 0; n < 2; n++) expect(await prove()).toMatchObject({ findings: [] });
    expect(await letters()).toEqual(told);
  });

  test('a chain that was cut off is found', async () => {
    await pay();
    await chainEntries(pool);
    await prove();
    await tamper('DELETE FROM ledger.entry_chain WHERE position > 1');
    expect((await prove())!.findings).toContainEqual(
      expect.objectContaining({ problem: 'the chain was cut off', subject: 'position 1' }),
    );
  });
});
