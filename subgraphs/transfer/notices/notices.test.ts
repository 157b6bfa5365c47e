import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { createLog } from '../../../platform/log.ts';
import { newId, type TransferId } from '../../../platform/ids.ts';
import type { Payout, ProviderNotice, WebhookReader } from '../../../providers/payout-provider.ts';
import { createTestDatabase, type TestDatabase } from '../../../tests/database.ts';
import { applyNotice, NoticeWaitingError, type ApplyNoticeDeps } from './apply-notice.ts';
import { receiveNotice } from './receive-notice.ts';

/* Whether signatures are proved is the readers' (providers/); here it is what follows from what they say. */

let database: TestDatabase;
let pool: pg.Pool;
let admin: pg.Pool;
let done: string[];
let deps: ApplyNoticeDeps;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = database.pool('dwaybank_transfer', { max: 6 });
  admin = database.pool('postgres', { max: 2 });
});
beforeEach(() => {
  done = [];
  deps = {
    pool,
    log: createLog('silent'),
    askPayout: async (id, _signal, notice) => void done.push(`ask ${id} ${notice?.provider} ${notice?.said?.outcome}`),
    askDeposit: async (id) => void done.push(`deposit ${id}`),
  };
});
afterAll(() => database.drop());

/** A reader that believes the body, but for what is not JSON or says that it is forged. */
const reader: WebhookReader = {
  provider: 'paystack',
  read({ body }) {
    if (body.includes('forged')) return 'BAD_SIGNATURE';
    if (body.includes('old')) return 'TOO_OLD';
    try {
      const { payout, amount, ...said } = JSON.parse(body.toString()) as Partial<ProviderNotice>;
      const notice = { eventId: 'e', type: 't', key: null, transferId: null, ...said };
      return {
        ...notice,
        provider: 'paystack',
        payout: payout ? revived(payout) : null,
        amount: amount ? { ...amount, amountMinor: BigInt(amount.amountMinor) } : null,
      };
    } catch {
      return 'MALFORMED';
    }
  },
};

function revived(payout: Payout): Payout {
  return payout.outcome === 'SUCCEEDED' ? { ...payout, feeMinor: BigInt(payout.feeMinor ?? 0) } : payout;
}

function receive(body: string, provider = 'paystack') {
  const question = { provider, headers: { 'x-paystack-signature': 'ab' }, body: Buffer.from(body).toString('base64') };
  const wakeUp = { signal: () => done.push('woken') };
  const clock = { now: () => new Date() };
  return receiveNotice({ pool, webhooks: [reader], wakeUp, clock, log: createLog('silent') }, question);
}

/** Receives a notice of its own id; its job's key. */
async function notice(said: object): Promise<{ provider: string; eventId: string }> {
  const eventId = newId<TransferId>();
  expect(await receive(JSON.stringify({ eventId, ...said }))).toEqual({ outcome: 'STORED' });
  done = [];
  return { provider: 'paystack', eventId };
}

async function transfer(type: 'DEPOSIT' | 'EXTERNAL', id = newId<TransferId>()): Promise<TransferId> {
  const payout = type === 'EXTERNAL';
  await admin.query(
    `INSERT INTO transfer.transfer (id, user_id, type, status, amount, currency, destination_amount, destination_currency,
       source_account_id, source_label, source_reference, destination_label, destination_reference, destination_holder, preference, hold_id,
       timeline, created_at, updated_at)
     VALUES ($1, $1, $2, 'INITIATED', 100, 'USD', 100, 'USD', $7, 'Ada', $3, 'Ben', $4, $5, $6, $7, '[]', now(), now())`,
    [id, type, payout ? null : 'card', ...(payout ? ['iban:DE02', 'Ben', 'BALANCED', id] : [null, null, null, null])],
  );
  return id;
}

const rows = async (text: string, ...values: unknown[]) =>
  (await admin.query<Record<string, unknown>>(text, values)).rows;
const statusOf = async ({ eventId }: { eventId: string }) =>
  (await rows('SELECT status FROM transfer.provider_notice WHERE event_id = $1', eventId))[0]?.['status'];
const signal = AbortSignal.timeout(60_000);

describe('what is received', () => {
  test.each([
    ['forged', 'BAD_SIGNATURE'],
    ['too old', 'BAD_SIGNATURE'],
    ['no JSON', 'MALFORMED'],
  ])('and is %s leaves nothing', async (body, outcome) => {
    const before = await rows('SELECT count(*) FROM transfer.provider_notice');
    const events = await rows('SELECT count(*) FROM platform.event');
    expect(await receive(body)).toEqual({ outcome });
    expect(await rows('SELECT count(*) FROM transfer.provider_notice')).toEqual(before);
    expect(await rows('SELECT count(*) FROM platform.event')).toEqual(events);
    expect(done).toEqual([]);
  });

  test.each([
    ['a NUL in its id', { eventId: 'a\0b' }],
    ['half a character in its id', { eventId: 'a\ud800' }],
    ['an id without end', { eventId: 'x'.repeat(100_000) }],
    ['an id that is one character too long', { eventId: 'x'.repeat(256) }],
    ['a NUL in its type', { type: 'transfer.\0' }],
    ['a NUL in a message', { payout: { outcome: 'DECLINED', reference: 'r', code: 'c', message: '\0' } }],
  ])('with %s is malformed, and not sent again for ever', async (_what, said) => {
    expect(await receive(JSON.stringify({ eventId: newId<TransferId>(), ...said }))).toEqual({ outcome: 'MALFORMED' });
    expect(done).toEqual([]);
  });

  test('from nobody this bank works with is unknown', async () => {
    expect(await receive('{}', 'nobody')).toEqual({ outcome: 'UNKNOWN_PROVIDER' });
  });

  test('is stored with its body as it came, once, however many bring it at the same moment', async () => {
    const eventId = newId<TransferId>();
    const body = `{ "eventId":  "${eventId}" }`;
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => receive(body)));
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['STORED']));
    const stored = await rows('SELECT body, status FROM transfer.provider_notice WHERE event_id = $1', eventId);
    expect(stored).toEqual([{ body: Buffer.from(body), status: 'RECEIVED' }]);
    expect(await rows(`SELECT type FROM platform.event WHERE key = $1`, `paystack:${eventId}`)).toEqual([
      { type: 'ProviderNoticeReceived' },
    ]);
  });

  test('under an id that was used for another body is kept beside it, changes nothing and is put before staff, once', async () => {
    const eventId = newId<TransferId>();
    await receive(JSON.stringify({ eventId, type: 'transfer.success' }));
    const other = JSON.stringify({ eventId, type: 'transfer.failed' });
    for (let n = 0; n < 3; n++) expect(await receive(other)).toEqual({ outcome: 'STORED' });
    expect(await rows('SELECT type FROM transfer.provider_notice WHERE event_id = $1', eventId)).toEqual([
      { type: 'transfer.success' },
    ]);
    const conflicts = await rows('SELECT body FROM transfer.provider_notice_conflict WHERE event_id = $1', eventId);
    expect(conflicts).toEqual([{ body: Buffer.from(other) }]);
    // Another contradiction is another letter.
    const again = newId<TransferId>();
    for (const type of ['transfer.success', 'transfer.failed']) await receive(JSON.stringify({ eventId: again, type }));
    expect(
      await rows(`SELECT kind, severity, seen FROM transfer.dead_letter WHERE details ->> 'eventId' = $1`, eventId),
    ).toEqual([{ kind: `NOTICE_CONFLICT:paystack:${eventId}`, severity: 'HIGH', seen: 1 }]);
  });
});

describe('what is acted on', () => {
  test('makes the bank ask about a payout, named by our key or by the transfer, whatever it says of it', async () => {
    const id = await transfer('EXTERNAL');
    const payout: Payout = { outcome: 'DECLINED', reference: 'r', code: 'c', message: 'm' };
    for (const name of [{ key: id.replaceAll('-', '') }, { transferId: id }]) {
      const key = await notice({ ...name, payout });
      await applyNotice(deps, key, signal);
      expect(done).toEqual([`ask ${id} paystack DECLINED`]);
      expect(await statusOf(key)).toBe('APPLIED');
      // Once it is settled, another run does nothing.
      await applyNotice(deps, key, signal);
      expect(done).toHaveLength(1);
    }
  });

  test('keeps the amount of a fee', async () => {
    const id = await transfer('EXTERNAL');
    const key = await notice({ transferId: id, payout: { outcome: 'SUCCEEDED', reference: 'r', feeMinor: '123' } });
    const told: unknown[] = [];
    await applyNotice({ ...deps, askPayout: async (_id, _signal, given) => void told.push(given) }, key, signal);
    const said = { outcome: 'SUCCEEDED', reference: 'r', feeMinor: 123n };
    expect(told).toEqual([{ provider: 'paystack', said, isOld: false }]);
  });

  test.each(['EXTERNAL', 'DEPOSIT'] as const)(
    'of another amount (%s) is put before staff, and asked about',
    async (type) => {
      const id = await transfer(type);
      const letters = () => rows('SELECT kind, details FROM transfer.dead_letter WHERE transfer_id = $1', id);
      await applyNotice(
        deps,
        await notice({ transferId: id, amount: { amountMinor: '100', currency: 'USD' } }),
        signal,
      );
      expect(await letters()).toEqual([]);
      for (const amount of [
        { amountMinor: '100', currency: 'NGN' },
        { amountMinor: '99', currency: 'USD' },
      ]) {
        const key = await notice({ transferId: id, amount });
        await applyNotice(deps, key, signal);
        expect(await letters()).toEqual([{ kind: 'PROVIDER_CONTRADICTION', details: { ...key, ...amount } }]);
        expect(done).toHaveLength(1);
      }
    },
  );

  test('of another amount is told once, however often it is tried, also when its letter has ended', async () => {
    const id = await transfer('EXTERNAL');
    const key = await notice({ transferId: id, amount: { amountMinor: '99', currency: 'USD' } });
    const away = { ...deps, askPayout: () => Promise.reject(new Error('the provider is away')) };
    const letters = () => rows('SELECT state, seen FROM transfer.dead_letter WHERE transfer_id = $1', id);
    for (let time = 0; time < 2; time++) await expect(applyNotice(away, key, signal)).rejects.toThrow('is away');
    expect(await letters()).toEqual([{ state: 'OPEN', seen: 1 }]);
    await admin.query(`SELECT transfer.settle_dead_letter($1, 'PROVIDER_CONTRADICTION', 'Asked by telephone.')`, [id]);
    await expect(applyNotice(away, key, signal)).rejects.toThrow('is away');
    expect(await letters()).toEqual([{ state: 'RESOLVED', seen: 1 }]);
  });

  test('of a deposit asks the card provider', async () => {
    const id = await transfer('DEPOSIT');
    await applyNotice(deps, await notice({ transferId: id, type: 'payment_intent.succeeded' }), signal);
    expect(done).toEqual([`deposit ${id}`]);
  });

  test('is nothing where it is about no payment of ours', async () => {
    for (const key of [null, 'not-a-key', 'f'.repeat(31)]) {
      const stored = await notice({ key });
      await applyNotice(deps, stored, signal);
      expect([await statusOf(stored), done]).toEqual(['IGNORED', []]);
    }
  });

  test('is tried again when it failed', async () => {
    const key = await notice({ transferId: await transfer('EXTERNAL') });
    const failing = { ...deps, askPayout: () => Promise.reject(new Error('the provider is away')) };
    await expect(applyNotice(failing, key, signal)).rejects.toThrow('away');
    expect(await statusOf(key)).toBe('RECEIVED');
    await applyNotice(deps, key, signal);
    expect(await statusOf(key)).toBe('APPLIED');
  });

  test('waits for a transfer that is not there yet, and is applied once it is', async () => {
    const id = newId<TransferId>();
    const key = await notice({ transferId: id });
    await expect(applyNotice(deps, key, signal)).rejects.toBeInstanceOf(NoticeWaitingError);
    expect([await statusOf(key), done]).toEqual(['WAITING', []]);
    await transfer('EXTERNAL', id);
    await applyNotice(deps, key, signal);
    expect([await statusOf(key), done]).toEqual(['APPLIED', [`ask ${id} paystack undefined`]]);
  });

  test('is parked with a dead letter after a day without its transfer', async () => {
    const key = await notice({ transferId: newId<TransferId>() });
    await admin.query(
      `UPDATE transfer.provider_notice SET received_at = now() - interval '25 hours' WHERE event_id = $1`,
      [key.eventId],
    );
    await applyNotice(deps, key, signal);
    expect(await statusOf(key)).toBe('PARKED');
    expect(await rows(`SELECT kind FROM transfer.dead_letter WHERE details ->> 'eventId' = $1`, key.eventId)).toEqual([
      { kind: 'NOTICE_WITHOUT_TRANSFER' },
    ]);
  });
});
