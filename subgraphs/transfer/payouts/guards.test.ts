import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { TransferId } from '../../../platform/ids.ts';
import { ProviderOutcomeUnknownError } from '../../../providers/card-provider.ts';
import type { Payout } from '../../../providers/payout-provider.ts';
import { hold, type Held } from '../../../tests/deposit-jobs.ts';
import { BEGUN, openPayoutScene, REVIEW, SPENDING, steps, type PayoutScene } from '../../../tests/payout-scene.ts';
import { applyProviderNotice, askPayout } from './apply-provider-notice.ts';
import { payOut } from './pay-out.ts';
import { closeAttempt } from './payout-store.ts';

/* What the database says no to by itself, whatever the code around it believes. No job runs here: each test does itself what it is about. */

let scene: PayoutScene;
let relay: Held;

beforeAll(async () => {
  scene = await openPayoutScene();
  // As holdRelay, for longer than a transaction may be idle.
  relay = await hold(
    scene.world.admin,
    'SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE platform.listener_cursor IN EXCLUSIVE MODE',
  );
});
beforeEach(() => scene.begin());
afterEach(() => {
  jest.restoreAllMocks();
});
afterAll(async () => {
  await relay.letGo();
  await scene.close();
});

const signal = new AbortController().signal;
const STAFF = '01890000-0000-7000-8000-000000000001';
const unknown = () => Promise.reject(new ProviderOutcomeUnknownError('nobody answers'));
const declined: Payout = { outcome: 'DECLINED', reference: 'r', code: 'no_such_account', message: 'No.' };
const succeeded: Payout = { outcome: 'SUCCEEDED', reference: 'r', feeMinor: null };

const run = (id: TransferId) => payOut(scene.deps, id, signal);
const end = (id: TransferId, number: number, outcome: 'DECLINED' | 'NOT_HERE' = 'DECLINED') =>
  closeAttempt(scene.deps.pool, { transferId: id, number }, { outcome, code: 'no', message: 'No.' });
const past = (id: TransferId) =>
  scene.world.admin.query(
    `UPDATE ledger.hold SET expires_at = now() - interval '1 second' WHERE transfer_id = $1 AND status = 'OPEN'`,
    [id],
  );
async function ask(call: string, id: TransferId): Promise<unknown> {
  const { rows } = await scene.world.admin.query<{ said: unknown }>(`SELECT ${call} AS said`, [id]);
  return rows[0]!.said;
}

/** Given to a provider that has not said anything. */
async function open(): Promise<TransferId> {
  scene.payouts.providers.bankrail.sends.push(unknown);
  const { id } = await scene.started();
  await expect(run(id)).rejects.toThrow('has not said');
  return id;
}
async function completed(): Promise<TransferId> {
  const { id } = await scene.started();
  await run(id);
  return id;
}
async function cancelled(): Promise<TransferId> {
  const { id } = await scene.started();
  expect(await scene.cancel(id)).toEqual([]);
  return id;
}
async function inReview(change: object = {}): Promise<TransferId> {
  scene.world.risk.answer = async () => ({ ...REVIEW, spending: SPENDING });
  return (await scene.started({ ...change })).id;
}

describe('a payout that somebody has, or that has ended or waits', () => {
  test.each<[string, () => Promise<TransferId>]>([
    ['PROVIDER_CONFIRMING', open],
    ['COMPLETED', completed],
    ['CANCELLED', cancelled],
    ['HELD_FOR_REVIEW', inReview],
  ])('is given to nobody, does not fail and is not undone: %s', async (status, make) => {
    const id = await make();
    const before = [await scene.read(id), await scene.attemptsOf(id), await scene.balance()];
    expect(await ask(`transfer.fail_payout($1, 'no', NULL)`, id)).toBe(status);
    expect(await ask(`transfer.begin_compensation($1, 'no', NULL)`, id)).toBe(status);
    expect(await ask(`(SELECT sent FROM transfer.send_payout($1, 'paystack', '{}', ''))`, id)).toBe(false);
    await expect(ask(`transfer.compensate_step($1, 'RESERVE')`, id)).rejects.toMatchObject({ code: 'DW020' });
    expect([await scene.read(id), await scene.attemptsOf(id), await scene.balance()]).toEqual(before);
  });

  test('does not expire once it was sent', async () => {
    expect(await ask('transfer.expire_transfer($1)', await open())).toBe('PROVIDER_CONFIRMING');
  });

  test('is not given back when it was paid', async () => {
    const release = ask('(SELECT transfer.release_money(t) FROM transfer.transfer t WHERE id = $1)', await completed());
    await expect(release).rejects.toMatchObject({ code: 'DW020' });
  });
});

test('an attempt that ended with one no is known to have ended when another no comes', async () => {
  const id = await open();
  expect(await end(id, 1)).toBe('DONE');
  expect(await end(id, 1, 'NOT_HERE')).toBe('KNOWN');
  expect(await scene.attemptsOf(id)).toEqual(['bankrail DECLINED']);
});

test('what never was at a provider is not under way there: its word is a contradiction', async () => {
  const id = await open();
  await end(id, 1, 'NOT_HERE');
  const pending = { outcome: 'PENDING', reference: 'r', step: 'CLEARING' } as const;
  await applyProviderNotice(scene.deps, id, { provider: 'bankrail', payout: pending });
  expect(await scene.lettersOf(id)).toEqual([['PROVIDER_CONTRADICTION', 'CRITICAL']]);
});

test('a notice that a provider declined makes the job that goes on, where there is none', async () => {
  scene.payouts.names = ['bankrail'];
  const id = await open();
  await applyProviderNotice(scene.deps, id, { provider: 'bankrail', payout: declined });
  await scene.reaches(id, 'FAILED');
});

test('money that has left and cannot be booked is put before staff as what can be tried again', async () => {
  const id = await open();
  await ask('(SELECT verdict FROM ledger.release_hold((SELECT id FROM ledger.hold WHERE transfer_id = $1)))', id);
  await applyProviderNotice(scene.deps, id, { provider: 'bankrail', payout: succeeded });
  expect(await ask('(SELECT class FROM transfer.dead_letter WHERE transfer_id = $1)', id)).toBe('RECOVERABLE');
  // What a person would repair: here the payout ends, so that the books can be proved.
  await end(id, 1);
  await run(id);
});

test('what is undone twice is told once, and ends as COMPENSATED', async () => {
  const { id } = await scene.started();
  for (const time of [1, 2]) {
    expect([time, await ask(`transfer.begin_compensation($1, 'no', NULL)`, id)]).toEqual([time, 'COMPENSATING']);
    await ask(`transfer.compensate_step($1, 'RESERVE')`, id);
  }
  await run(id);
  expect(steps((await scene.read(id))!)).toEqual([
    ...BEGUN,
    'COMPENSATING',
    'COMPENSATING RESERVE_UNDONE',
    'COMPENSATING QUOTE_UNDONE',
    'COMPENSATED',
  ]);
  expect((await scene.balance()).held).toBe(0n);
});

test('each provider that says nothing is told of, once', async () => {
  const id = await open();
  await end(id, 1);
  scene.payouts.providers.paystack.sends.push(unknown);
  scene.payouts.providers.paystack.finds.push(unknown);
  for (const _time of [1, 2]) await expect(run(id)).rejects.toThrow('has not said');
  expect(steps((await scene.read(id))!)).toEqual([
    ...BEGUN,
    'SENT_TO_PROVIDER',
    'PROVIDER_CONFIRMING',
    'SENT_TO_PROVIDER',
    'PROVIDER_CONFIRMING',
  ]);
});

test('an open attempt is asked for although the payout waits for staff, because another provider has contradicted itself', async () => {
  const id = await open();
  await applyProviderNotice(scene.deps, id, { provider: 'paystack', payout: succeeded });
  scene.payouts.providers.bankrail.finds.push(async () => succeeded);
  await run(id);
  expect((await scene.read(id))!.status).toBe('COMPLETED');
});

test('one person who says how a contradiction ended sets nothing free', async () => {
  const id = await open();
  await end(id, 1);
  await applyProviderNotice(scene.deps, id, { provider: 'bankrail', payout: succeeded });
  const resolve = (person: string) =>
    scene.world.admin.query(
      `SELECT transfer.resolve_dead_letter(id, $2, 'nothing was paid') FROM transfer.dead_letter WHERE transfer_id = $1`,
      [id, person],
    );
  await resolve('the first');
  await expect(run(id)).rejects.toThrow('waits for its staff');
  await resolve('the second');
  await run(id);
  expect(await scene.attemptsOf(id)).toEqual(['bankrail DECLINED', 'paystack SUCCEEDED']);
});

test('"not here" is too early by the database’s clock, whatever the clock of the process says', async () => {
  const id = await open();
  const now = Date.now.bind(Date);
  jest.spyOn(Date, 'now').mockImplementation(() => now() + 3_600_000);
  await expect(askPayout(scene.deps, id, signal)).rejects.toThrow('may still be getting it');
  expect(await scene.attemptsOf(id)).toEqual(['bankrail OPEN']);
});

describe('a person who has looked at a payout', () => {
  const recordOf = async (id: TransferId) => {
    const text = 'SELECT actor, action, note FROM transfer.intervention WHERE subject = $1';
    return (await scene.world.admin.query<object>(text, [id])).rows;
  };

  test('lets it go on with its money held for as long as for any other, and is on record', async () => {
    const id = await inReview();
    const release = `transfer.release_review($1, '${STAFF}', '30 minutes', gen_random_uuid(), ARRAY[gen_random_uuid(), gen_random_uuid()])`;
    expect(await ask(release, id)).toBeNull();
    const left = `(SELECT expires_at - clock_timestamp() BETWEEN '0' AND '30 minutes' FROM ledger.hold WHERE transfer_id = $1)`;
    expect(await ask(left, id)).toBe(true);
    expect(await recordOf(id)).toEqual([{ actor: STAFF, action: 'REVIEW_RELEASED', note: null }]);
    expect(await ask(release, id)).toBe('NOT_IN_REVIEW');
  });

  test('ends it, and is on record with the reason', async () => {
    const id = await inReview();
    expect(await ask(`transfer.refuse_review($1, '${STAFF}', 'not like them')`, id)).toBeNull();
    expect(await recordOf(id)).toEqual([{ actor: STAFF, action: 'REVIEW_REFUSED', note: 'not like them' }]);
    expect((await scene.balance()).held).toBe(0n);
  });
});

describe('a quote is free again when its payout comes to nothing:', () => {
  const QUOTE = `mutation ($input: QuoteTransferInput!) { quoteTransfer(input: $input) { quote { id } } }`;

  async function quoted(make: (change: object) => Promise<TransferId>): Promise<{ quoteId: string; id: TransferId }> {
    const { idempotencyKey: _key, ...input } = scene.input();
    const { data } = await scene.world.execute(scene.ada, QUOTE, { input });
    const quoteId = (data!['quoteTransfer'] as { quote: { id: string } }).quote.id;
    return { quoteId, id: await make({ quoteId }) };
  }
  const started = async (change: object) => (await scene.started({ ...change })).id;
  const usedBy = async (quoteId: string) =>
    (
      await scene.world.admin.query<{ used_by: string | null }>('SELECT used_by FROM transfer.quote WHERE id = $1', [
        quoteId,
      ])
    ).rows;

  test.each<[string, string, (change: object) => Promise<TransferId>, (id: TransferId) => Promise<unknown>]>([
    ['cancelled', 'CANCELLED', started, (id) => scene.cancel(id)],
    [
      'declined by everybody',
      'FAILED',
      started,
      async (id) => {
        scene.payouts.names = ['bankrail'];
        scene.payouts.providers.bankrail.sends.push(async () => declined);
        await run(id);
      },
    ],
    ['expired before it was sent', 'EXPIRED', started, async (id) => [await past(id), await run(id)]],
    [
      'expired and swept',
      'EXPIRED',
      started,
      async (id) => {
        await past(id);
        await scene.world.admin.query('SELECT ledger.expire_holds(10)');
        expect(await ask('transfer.expire_transfer($1)', id)).toBe('EXPIRED');
      },
    ],
    [
      'its hold freed by hand on the way to the next provider',
      'FAILED',
      started,
      async (id) => {
        scene.payouts.providers.bankrail.sends.push(unknown);
        await run(id).catch(() => {});
        await end(id, 1);
        await ask('(SELECT verdict FROM ledger.release_hold((SELECT id FROM ledger.hold WHERE transfer_id = $1)))', id);
        await run(id);
        expect((await scene.read(id))!.failureCode).toBe('hold_released');
        expect(await scene.attemptsOf(id)).toEqual(['bankrail DECLINED']);
      },
    ],
    [
      'refused by a person',
      'FAILED',
      inReview,
      (id) => ask(`transfer.refuse_review($1, '${STAFF}', 'no reason told')`, id),
    ],
  ])('%s', async (_how, status, make, finish) => {
    const { quoteId, id } = await quoted(make);
    expect(await usedBy(quoteId)).toEqual([{ used_by: id }]);
    await finish(id);
    expect((await scene.read(id))!.status).toBe(status);
    expect(await usedBy(quoteId)).toEqual([{ used_by: null }]);
    expect((await scene.balance()).held).toBe(0n);
  });
});
