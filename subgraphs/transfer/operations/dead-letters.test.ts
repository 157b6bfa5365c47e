import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { newId, type DeadLetterId, type TransferId } from '../../../platform/ids.ts';
import type { Role } from '../../../platform/viewer.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { recordDeadLetter, settleDeadLetter, type NewDeadLetter } from './dead-letter-store.ts';
import { retryDueLetters } from './retry-due-letters.ts';

/* Work that no machine could end: nothing of it is lost, it takes two people to end it, and only what is harmless is tried again by itself. */

const LIST = `query ($first: Int, $after: String, $state: DeadLetterState, $class: DeadLetterClass) {
  deadLetters(first: $first, after: $after, state: $state, class: $class) {
    edges { node { id transferId kind class severity reason details state seen retries resolution resolvedAt history { actor action note } } }
    pageInfo { hasNextPage endCursor } } }`;
const RETRY = `mutation ($id: ID!) { retryDeadLetter(id: $id) { deadLetter { state retries } userErrors { code field retryable } } }`;
const RESOLVE = `mutation ($id: ID!, $resolution: String!, $agreesTo: String) {
  resolveDeadLetter(id: $id, resolution: $resolution, agreesTo: $agreesTo) { deadLetter { state resolution resolvedAt } userErrors { code field } } }`;

const PAY = `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } } }`;

let world: TransferWorld;
let pool: pg.Pool;
let kofi: Customer;
let lena: Customer;
let customer: Customer;
let support: Customer;

beforeAll(async () => {
  world = await openTransferWorld();
  pool = world.jobsPool();
  const staff = async (name: string, role: Role): Promise<Customer> => {
    const person = await world.customer(name);
    return { ...person, viewer: { ...person.viewer, roles: ['CUSTOMER', role] } };
  };
  [kofi, lena, support] = [await staff('Kofi', 'ADMIN'), await staff('Lena', 'ADMIN'), await staff('Sue', 'SUPPORT')];
  customer = await world.customer('Ada');
});
afterAll(() => world.close());

const letter = (more: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  transferId: newId<TransferId>(),
  kind: 'payout',
  class: 'RECOVERABLE',
  severity: 'HIGH',
  reason: 'The provider has closed the account.',
  details: { provider: 'stripe' },
  ...more,
});

async function rowOf(
  id: DeadLetterId,
): Promise<{ state: string; severity: string; seen: number; retries: number; reason: string }> {
  const { rows } = await world.admin.query(
    'SELECT state, severity, seen, retries, reason FROM transfer.dead_letter WHERE id = $1',
    [id],
  );
  return rows[0] as never;
}

async function eventsOf(id: DeadLetterId): Promise<string[]> {
  const { rows } = await world.admin.query<{ type: string }>(
    'SELECT type FROM platform.event WHERE key = $1 ORDER BY xid, id',
    [id],
  );
  return rows.map(({ type }) => type);
}

interface Answer {
  deadLetter: { state: string; retries?: number; resolution?: string | null } | null;
  userErrors: { code: string }[];
}

async function act(as: Customer | null, query: string, variables: Record<string, unknown>): Promise<Answer> {
  const { data, errors } = await world.execute(as, query, variables);
  if (errors) throw new Error(JSON.stringify(errors[0]));
  return Object.values(data as Record<string, Answer>)[0]!;
}

describe('a dead letter', () => {
  test('is one while it is open, however often it is recorded, and tells its event once', async () => {
    const first = letter({ severity: 'HIGH' });
    const id = await recordDeadLetter(pool, first);
    expect(await recordDeadLetter(pool, { ...first, severity: 'LOW', reason: 'Again.' })).toBe(id);
    // What was grave does not become harmless by happening again.
    expect(await rowOf(id)).toMatchObject({ state: 'OPEN', severity: 'HIGH', seen: 2, reason: 'Again.' });
    expect(await eventsOf(id)).toEqual(['DeadLetterRecorded']);
    expect(await recordDeadLetter(pool, { ...first, kind: 'refund' })).not.toBe(id);
  });

  test('is one for its kind without a transfer too, and one when many record it at once', async () => {
    const same = letter({ transferId: null, kind: 'sweep' });
    const ids = await Promise.all(Array.from({ length: 6 }, () => recordDeadLetter(pool, same)));
    expect(new Set(ids).size).toBe(1);
    expect(await rowOf(ids[0]!)).toMatchObject({ seen: 6 });
  });

  test('goes with the transaction that records it', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    const id = await recordDeadLetter(client, letter());
    await client.query('ROLLBACK');
    client.release();
    expect(await rowOf(id)).toBeUndefined();
    expect(await eventsOf(id)).toEqual([]);
  });

  test('is never removed, and never changes once it has ended', async () => {
    const ended = letter();
    const id = await recordDeadLetter(pool, ended);
    expect(
      await settleDeadLetter(pool, { transferId: ended.transferId, kind: ended.kind, resolution: 'Paid after all.' }),
    ).toBe(true);
    expect(await settleDeadLetter(pool, { transferId: ended.transferId, kind: ended.kind, resolution: 'Twice.' })).toBe(
      false,
    );
    for (const sql of [
      `UPDATE transfer.dead_letter SET state = 'OPEN', resolved_at = NULL WHERE id = '${id}'`,
      `DELETE FROM transfer.dead_letter WHERE id = '${id}'`,
      `TRUNCATE transfer.dead_letter`,
      `DELETE FROM transfer.intervention`,
      `UPDATE transfer.intervention SET actor = 'nobody'`,
      `DELETE FROM transfer.outgoing_pause`,
    ]) {
      await expect(pool.query(sql)).rejects.toThrow(/kept for ever|permission denied/);
    }
    // The next trouble of the same transfer is another letter.
    expect(await recordDeadLetter(pool, ended)).not.toBe(id);
  });
});

describe('retryDeadLetter', () => {
  test('tells whoever works on it, and puts on record who wanted it', async () => {
    const id = await recordDeadLetter(pool, letter());
    expect(await act(kofi, RETRY, { id })).toEqual({ deadLetter: { state: 'RETRYING', retries: 1 }, userErrors: [] });
    expect(await eventsOf(id)).toEqual(['DeadLetterRecorded', 'DeadLetterRetried']);
    const { rows } = await world.admin.query(
      'SELECT actor, action FROM transfer.intervention WHERE subject = $1 ORDER BY number',
      [id],
    );
    expect(rows).toEqual([
      { actor: 'bank', action: 'DEAD_LETTER_RECORDED' },
      { actor: kofi.userId, action: 'DEAD_LETTER_RETRIED' },
    ]);
  });

  test('leaves a PERMANENT one open, because nobody works on it, and forgets what was proposed about it', async () => {
    const id = await recordDeadLetter(pool, letter({ class: 'PERMANENT' }));
    await act(kofi, RESOLVE, { id, resolution: 'Written off.' });
    expect(await act(lena, RETRY, { id })).toEqual({ deadLetter: { state: 'OPEN', retries: 0 }, userErrors: [] });
    expect(await eventsOf(id)).toEqual(['DeadLetterRecorded']);
    expect(await act(kofi, RESOLVE, { id, resolution: 'Paid by hand.' })).toMatchObject({
      deadLetter: { state: 'AWAITING_APPROVAL', resolution: 'Paid by hand.' },
    });
  });

  test('refuses what there is not, and what has ended', async () => {
    for (const id of [newId<DeadLetterId>(), 'no id']) {
      expect(await act(kofi, RETRY, { id })).toMatchObject({
        deadLetter: null,
        userErrors: [{ code: 'DEAD_LETTER_NOT_FOUND' }],
      });
    }
    const ended = letter();
    const id = await recordDeadLetter(pool, ended);
    await settleDeadLetter(pool, { transferId: ended.transferId, kind: ended.kind, resolution: 'Done.' });
    expect(await act(kofi, RETRY, { id })).toMatchObject({ userErrors: [{ code: 'DEAD_LETTER_RESOLVED' }] });
    expect(await eventsOf(id)).toEqual(['DeadLetterRecorded']);
  });
});

describe('resolveDeadLetter', () => {
  const say = (as: Customer, id: string, resolution = 'Paid by hand, reference 7.') =>
    act(as, RESOLVE, { id, resolution });

  test('takes two people', async () => {
    const id = await recordDeadLetter(pool, letter());
    expect(await say(kofi, id)).toMatchObject({ deadLetter: { state: 'AWAITING_APPROVAL' }, userErrors: [] });
    for (const words of ['Paid by hand, reference 7.', 'Something else']) {
      expect(await say(kofi, id, words)).toMatchObject({ userErrors: [{ code: 'SECOND_PERSON_REQUIRED' }] });
    }
    expect(await rowOf(id)).toMatchObject({ state: 'AWAITING_APPROVAL' });
    expect(await say(lena, id, 'Agreed.')).toMatchObject({
      deadLetter: { state: 'RESOLVED', resolution: 'Paid by hand, reference 7.' },
      userErrors: [],
    });
    expect(await say(kofi, id)).toMatchObject({ userErrors: [{ code: 'DEAD_LETTER_RESOLVED' }] });
  });

  test('ends once when two people agree at the same moment, and never by one who calls many times at once', async () => {
    const alone = await recordDeadLetter(pool, letter());
    const answers = await Promise.all(Array.from({ length: 8 }, () => say(kofi, alone)));
    expect(answers.filter(({ userErrors }) => userErrors.length === 0)).toHaveLength(1);
    expect(await rowOf(alone)).toMatchObject({ state: 'AWAITING_APPROVAL' });

    const together = await recordDeadLetter(pool, letter());
    await Promise.all([say(kofi, together), say(lena, together)]);
    expect(await rowOf(together)).toMatchObject({ state: 'RESOLVED' });
  });

  test('does not take for agreement what was said to another proposal', async () => {
    const id = await recordDeadLetter(pool, letter());
    const agree = (agreesTo: string) => act(lena, RESOLVE, { id, resolution: 'Agreed.', agreesTo });
    expect(await agree('Paid by hand.')).toMatchObject({
      userErrors: [{ code: 'PROPOSAL_CHANGED', field: ['agreesTo'] }],
    });
    await say(kofi, id, 'Written off.');
    expect(await agree('Paid by hand.')).toMatchObject({ userErrors: [{ code: 'PROPOSAL_CHANGED' }] });
    expect(await rowOf(id)).toMatchObject({ state: 'AWAITING_APPROVAL' });
    expect(await agree('Written off.')).toMatchObject({
      deadLetter: { state: 'RESOLVED', resolution: 'Written off.' },
    });
  });

  test('begins anew when the trouble has come again, or when it was tried again', async () => {
    const again = letter();
    const id = await recordDeadLetter(pool, again);
    await say(kofi, id);
    await recordDeadLetter(pool, again);
    expect(await say(lena, id)).toMatchObject({ deadLetter: { state: 'AWAITING_APPROVAL' } });
    await act(kofi, RETRY, { id });
    expect(await say(lena, id)).toMatchObject({ deadLetter: { state: 'AWAITING_APPROVAL' } });
  });

  test('wants to know why', async () => {
    const id = await recordDeadLetter(pool, letter());
    for (const resolution of ['', '   ', 'x'.repeat(501), 'a\u0000b']) {
      expect(await say(kofi, id, resolution)).toMatchObject({
        userErrors: [{ code: 'INVALID_REASON', field: ['resolution'] }],
      });
    }
    expect(await rowOf(id)).toMatchObject({ state: 'OPEN' });
  });

  test('cannot be got round in the database: the second person is another one', async () => {
    const id = await recordDeadLetter(pool, letter());
    await expect(
      pool.query(
        `UPDATE transfer.dead_letter SET state = 'RESOLVED', resolved_at = now(), resolution_by = 'kofi', resolved_by = 'kofi' WHERE id = $1`,
        [id],
      ),
    ).rejects.toMatchObject({ code: '23514' });
  });
});

describe('who may', () => {
  test('nobody decides about their own transfer, whichever end of it they are', async () => {
    const send = async (as: Customer, to: Customer): Promise<TransferId> => {
      const accountId = await world.account(as, 'USD', { funds: '10.00' });
      await world.account(to, 'USD');
      const input = {
        idempotencyKey: newId<TransferId>(),
        source: { accountId },
        destination: { email: to.email },
        amount: { amount: '1.00', currency: 'USD' },
      };
      const { data } = await world.execute(as, PAY, { input });
      return (data!['createTransfer'] as { transfer: { id: TransferId } }).transfer.id;
    };
    for (const transferId of [await send(kofi, customer), await send(customer, kofi)]) {
      const id = await recordDeadLetter(pool, letter({ transferId }));
      for (const [query, variables] of [
        [RETRY, { id }],
        [RESOLVE, { id, resolution: 'Mine.' }],
      ] as const) {
        expect(await act(kofi, query, variables)).toMatchObject({
          userErrors: [{ code: 'OWN_TRANSFER', field: ['id'] }],
        });
      }
      expect(await rowOf(id)).toMatchObject({ state: 'OPEN', retries: 0 });
      expect(await act(lena, RETRY, { id })).toMatchObject({ deadLetter: { state: 'RETRYING' } });
    }
  });

  test('a customer gets FORBIDDEN everywhere, support reads and does nothing, nobody is UNAUTHENTICATED', async () => {
    const id = await recordDeadLetter(pool, letter());
    for (const [query, variables] of [
      [LIST, {}],
      [RETRY, { id }],
      [RESOLVE, { id, resolution: 'Mine.' }],
    ] as const) {
      await expect(act(customer, query, variables)).rejects.toThrow('FORBIDDEN');
      await expect(act(null, query, variables)).rejects.toThrow('UNAUTHENTICATED');
      if (query !== LIST) await expect(act(support, query, variables)).rejects.toThrow('FORBIDDEN');
    }
    expect((await world.execute(support, LIST, { first: 1 })).errors).toBeUndefined();
    expect(await rowOf(id)).toMatchObject({ state: 'OPEN', retries: 0 });
  });
});

describe('deadLetters', () => {
  type List = {
    deadLetters: {
      edges: { node: { id: string; kind: string } }[];
      pageInfo: { hasNextPage: boolean; endCursor: string };
    };
  };
  const list = async (variables: object) =>
    (await world.execute(support, LIST, variables as never)).data as unknown as List;

  test('pages through all, the newest first, filters, and shows the history', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.unshift(await recordDeadLetter(pool, letter({ class: 'PERMANENT' })));
    const seen: string[] = [];
    for (let after: string | null = null; ;) {
      const { deadLetters }: List = await list({ first: 2, after, class: 'PERMANENT', state: 'OPEN' });
      seen.push(...deadLetters.edges.map(({ node }) => node.id));
      after = deadLetters.pageInfo.endCursor;
      if (!deadLetters.pageInfo.hasNextPage) break;
    }
    expect(seen).toEqual(ids);
    const [first] = (await list({ first: 1, class: 'PERMANENT' })).deadLetters.edges;
    expect(first!.node).toMatchObject({
      details: '{"provider":"stripe"}',
      history: [{ actor: 'bank', action: 'DEAD_LETTER_RECORDED', note: 'The provider has closed the account.' }],
    });
  });
});

describe('what is tried again by itself', () => {
  const policy = { most: 2, firstPauseMs: 0, factor: 1, atOnce: 50 };

  test('is LOW and MEDIUM and not PERMANENT, up to a bound', async () => {
    const low = await recordDeadLetter(pool, letter({ severity: 'LOW', class: 'TRANSIENT' }));
    const medium = await recordDeadLetter(pool, letter({ severity: 'MEDIUM' }));
    const others = await Promise.all([
      recordDeadLetter(pool, letter({ severity: 'HIGH', class: 'TRANSIENT' })),
      recordDeadLetter(pool, letter({ severity: 'CRITICAL', class: 'TRANSIENT' })),
      recordDeadLetter(pool, letter({ severity: 'LOW', class: 'PERMANENT' })),
    ]);
    for (let run = 0; run < 4; run++) await retryDueLetters(pool, policy);
    for (const id of [low, medium]) expect(await rowOf(id)).toMatchObject({ retries: 2 });
    for (const id of others) expect(await rowOf(id)).toMatchObject({ retries: 0, state: 'OPEN' });
  });

  test('waits longer each time', async () => {
    const id = await recordDeadLetter(pool, letter({ severity: 'LOW' }));
    const later = { most: 9, firstPauseMs: 60_000, factor: 4, atOnce: 50 };
    const passes = async (seconds: number) => {
      await world.admin.query(
        `UPDATE transfer.dead_letter SET last_seen_at = last_seen_at - make_interval(secs => $2), last_retried_at = last_retried_at - make_interval(secs => $2)
         WHERE id = $1`,
        [id, seconds],
      );
      await retryDueLetters(pool, later);
      return (await rowOf(id)).retries;
    };
    expect(await passes(59)).toBe(0);
    expect(await passes(2)).toBe(1);
    expect(await passes(200)).toBe(1);
    expect(await passes(41)).toBe(2);
  });

  test('is taken by one process when several look at once', async () => {
    const id = await recordDeadLetter(pool, letter({ severity: 'LOW' }));
    await Promise.all(Array.from({ length: 5 }, () => retryDueLetters(pool, { ...policy, most: 1 })));
    expect(await rowOf(id)).toMatchObject({ retries: 1 });
    expect((await eventsOf(id)).filter((type) => type === 'DeadLetterRetried')).toHaveLength(1);
  });
});
