import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Payout, ProviderName } from '../../../providers/payout-provider.ts';
import { ProviderUnreachableError } from '../../../providers/payout-provider.ts';
import { createRegistry } from '../../../providers/create-registry.ts';
import { holdRelay, type Held } from '../../../tests/deposit-jobs.ts';
import { payoutJobGone, payoutJobWaits } from '../../../tests/payout-jobs.ts';
import { BEGUN, openPayoutScene, steps, type PayoutScene } from '../../../tests/payout-scene.ts';
import { until } from '../../../tests/until.ts';
import { applyProviderNotice } from './apply-provider-notice.ts';
import { payOut } from './pay-out.ts';

/* An outage of those who carry payouts: it is no decline, and what they never heard of waits for them. */

let scene: PayoutScene;
const held: Held[] = [];

beforeAll(async () => {
  scene = await openPayoutScene();
});
beforeEach(() => scene.begin());
afterEach(async () => {
  for (const each of held.splice(0)) await each.letGo();
});
afterAll(() => scene.close());

const signal = new AbortController().signal;
const FREE = { posted: 100_000n, held: 0n };
const WAITING = 'BALANCE_RESERVED AWAITING_PROVIDER';
const refused = () => Promise.reject(new ProviderUnreachableError('connection refused'));
const declines = async (): Promise<Payout> => ({ outcome: 'DECLINED', reference: 'r', code: 'no', message: 'No.' });

/** The next calls of these are refused. */
function away(times: number, ...names: ProviderName[]): void {
  for (const name of names) scene.payouts.providers[name].sends.push(...Array.from({ length: times }, () => refused));
}

/** A payout whose runs are those of the test alone. */
async function notBegun(): Promise<string> {
  if (held.length === 0) held.push(await holdRelay(scene.world.admin));
  return (await scene.started()).id;
}

const run = (id: string) => payOut(scene.deps, id as never, signal);
const jobWaits = (id: string) => until('its job waits', () => payoutJobWaits(scene.world.admin, id));

/** It was reserved so long ago. */
async function reservedAgo(id: string, minutes: number): Promise<void> {
  await scene.world.admin.query(
    `UPDATE transfer.transfer SET timeline = jsonb_set(timeline, '{3,at}', to_jsonb(now() - $2 * interval '1 minute'))
     WHERE id = $1 AND timeline -> 3 ->> 'status' = 'BALANCE_RESERVED'`,
    [id, minutes],
  );
}

async function holdOf(id: string): Promise<{ status: string; minutes: number | null }> {
  const { rows } = await scene.world.admin.query<{ status: string; minutes: number | null }>(
    `SELECT status, round(extract(epoch FROM expires_at - placed_at) / 60)::int AS minutes FROM ledger.hold WHERE transfer_id = $1`,
    [id],
  );
  return rows[0]!;
}

describe('a payout that nobody can be reached for', () => {
  test('waits with its hold’s clock running, and goes when they are back, however often they were not there', async () => {
    away(5, 'bankrail', 'paystack');
    const { id } = await scene.started();
    await until('it waits', async () => steps((await scene.read(id))!).at(-1) === WAITING);
    await jobWaits(id);
    expect(await holdOf(id)).toEqual({ status: 'OPEN', minutes: 30 });
    const done = await scene.hurriedTo(id, 'COMPLETED');
    expect(done.failureCode).toBeNull();
    const never = Array.from({ length: 5 }, () => ['bankrail UNREACHABLE', 'paystack UNREACHABLE']).flat();
    expect(await scene.attemptsOf(id)).toEqual([...never, 'bankrail SUCCEEDED']);
    expect(await scene.entriesOf(id)).toBe(1);
  });

  test('because their breakers are open is given to nobody, waits once, and goes when one is closed', async () => {
    for (const name of ['bankrail', 'paystack'] as const) scene.payouts.down.add(name);
    const id = await notBegun();
    await run(id);
    await run(id);
    expect(steps((await scene.read(id))!)).toEqual([...BEGUN, WAITING]);
    expect(await scene.attemptsOf(id)).toEqual([]);
    scene.payouts.down.delete('paystack');
    await run(id);
    expect(await scene.attemptsOf(id)).toEqual(['paystack SUCCEEDED']);
    expect(steps((await scene.read(id))!).slice(-3)).toEqual([WAITING, 'SENT_TO_PROVIDER', 'COMPLETED']);
  });

  test('can be cancelled while it waits, and then nobody hears of it', async () => {
    away(1, 'bankrail', 'paystack');
    const { id } = await scene.started();
    await jobWaits(id);
    expect(await scene.cancel(id)).toEqual([]);
    expect(await scene.balance()).toEqual(FREE);
    await run(id);
    const paid = Object.values(scene.payouts.providers).flatMap(({ paid }) => [...paid]);
    expect(paid).toEqual([]);
    await payoutJobGone(scene.world.admin, id);
  });

  test('fails when its hold is about to end, and not before', async () => {
    away(3, 'bankrail', 'paystack');
    const id = await notBegun();
    await run(id);
    await reservedAgo(id, 29);
    await run(id);
    expect((await scene.read(id))!.status).toBe('BALANCE_RESERVED');
    await reservedAgo(id, 29.9);
    await run(id);
    const ended = (await scene.read(id))!;
    expect([ended.status, ended.failureCode]).toEqual(['FAILED', 'provider_unreachable']);
    expect(await scene.balance()).toEqual(FREE);
  });

  test('expires with its hold when nobody comes back to it', async () => {
    away(1, 'bankrail', 'paystack');
    const id = await notBegun();
    await run(id);
    const { rowCount } = await scene.world.admin.query(
      `UPDATE ledger.hold SET expires_at = now() - interval '1 second' WHERE transfer_id = $1 AND expires_at IS NOT NULL`,
      [id],
    );
    expect(rowCount).toBe(1);
    await run(id);
    await scene.reaches(id, 'EXPIRED');
    expect(await scene.balance()).toEqual(FREE);
  });

  test('is not sent from an account that was frozen meanwhile', async () => {
    away(1, 'bankrail', 'paystack');
    const id = await notBegun();
    await run(id);
    await scene.world.setStatus(scene.account, 'FROZEN');
    await expect(run(id)).rejects.toThrow('waits for its account');
    await scene.world.setStatus(scene.account, 'ACTIVE');
    await run(id);
    expect((await scene.read(id))!.status).toBe('COMPLETED');
  });

  test('but by one that declined it waits for the other; where all have declined it fails as before', async () => {
    scene.payouts.providers.bankrail.sends.push(declines);
    away(2, 'paystack');
    const id = await notBegun();
    await run(id);
    expect(steps((await scene.read(id))!).at(-1)).toBe(WAITING);
    await run(id);
    scene.payouts.providers.paystack.sends.push(declines);
    await run(id);
    const ended = (await scene.read(id))!;
    expect([ended.status, ended.failureCode]).toEqual(['FAILED', 'no']);
    const attempts = ['bankrail DECLINED', 'paystack UNREACHABLE', 'paystack UNREACHABLE', 'paystack DECLINED'];
    expect(await scene.attemptsOf(id)).toEqual(attempts);
  });

  test('waits its whole time after another had it for hours, and then declined it', async () => {
    scene.payouts.providers.bankrail.sends.push(declines);
    away(1, 'paystack');
    const id = await notBegun();
    await reservedAgo(id, 300);
    await run(id);
    expect(steps((await scene.read(id))!).at(-1)).toBe(WAITING);
    expect(await holdOf(id)).toEqual({ status: 'OPEN', minutes: 30 });
    expect(await scene.cancel(id)).toEqual([]);
  });

  test('is kept, and not given back, once one that declined it says that it has paid', async () => {
    scene.payouts.providers.bankrail.sends.push(declines);
    away(2, 'paystack');
    const id = await notBegun();
    await run(id);
    expect(await holdOf(id)).toEqual({ status: 'OPEN', minutes: 30 });
    const payout: Payout = { outcome: 'SUCCEEDED', reference: 'r', feeMinor: null };
    await applyProviderNotice(scene.deps, id as never, { provider: 'bankrail', payout });
    expect(await scene.lettersOf(id)).toEqual([['PROVIDER_CONTRADICTION', 'CRITICAL']]);
    await expect(run(id)).rejects.toThrow('waits for its staff');
    expect(await holdOf(id)).toEqual({ status: 'OPEN', minutes: null });
    expect(await scene.cancel(id)).toEqual(['CANNOT_BE_CANCELLED']);
    expect((await scene.balance()).held).toBeGreaterThan(0n);
    // Staff say that it was not so: it waits as before.
    await scene.world.admin.query(
      `UPDATE transfer.dead_letter SET state = 'RESOLVED', resolved_at = now() WHERE transfer_id = $1`,
      [id],
    );
    await run(id);
    expect(await holdOf(id)).toEqual({ status: 'OPEN', minutes: 30 });
    expect(await scene.cancel(id)).toEqual([]);
    expect(await scene.balance()).toEqual(FREE);
  });

  test.each(['its account is frozen', 'everything is paused'])(
    'while %s, which it was not as it was given to one, has its hold’s clock again and may be cancelled',
    async (what) => {
      const { admin } = scene.world;
      const frozen = what === 'its account is frozen';
      const id = await notBegun();
      scene.payouts.providers.bankrail.sends.push(async () => {
        if (frozen) await scene.world.setStatus(scene.account, 'FROZEN');
        else
          await admin.query(
            `INSERT INTO transfer.outgoing_pause (id, scope, reason, paused_by) VALUES (gen_random_uuid(), 'ALL', 'test', 'test')`,
          );
        return refused();
      });
      await expect(run(id)).rejects.toThrow(frozen ? 'waits for its account' : 'nothing may leave');
      expect(steps((await scene.read(id))!).slice(-2)).toEqual(['SENT_TO_PROVIDER', WAITING]);
      expect(await holdOf(id)).toEqual({ status: 'OPEN', minutes: 30 });
      if (frozen) await scene.world.setStatus(scene.account, 'ACTIVE');
      await admin.query(`UPDATE transfer.outgoing_pause SET resumed_at = now(), resumed_by = 'test'`);
      expect(await scene.cancel(id)).toEqual([]);
      expect(await scene.balance()).toEqual(FREE);
    },
  );

  test('is one of many that open the breakers together: all wait, and all go', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 8; n++) ids.push(await notBegun());
    away(100, 'bankrail', 'paystack');
    const { bankrail, paystack } = scene.payouts.providers;
    const resilience = { retries: { most: 0, firstDelayMs: 1, longestDelayMs: 1 }, breaker: { faults: 5, openMs: 50 } };
    const payouts = createRegistry([bankrail, paystack], { resilience, checkEveryMs: 20 });
    const runAll = () => Promise.all(ids.map((id) => payOut({ ...scene.deps, payouts }, id as never, signal)));
    try {
      await runAll();
      for (const id of ids) expect(steps((await scene.read(id))!).at(-1)).toBe(WAITING);
      bankrail.sends.length = 0;
      await until('one is closed again', () => payouts.states()[0]!.breaker === 'CLOSED');
      await runAll();
      for (const id of ids) expect((await scene.read(id))!.status).toBe('COMPLETED');
    } finally {
      await payouts.close();
    }
  });
});
