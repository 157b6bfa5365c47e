import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { placeHold } from '../../../tests/holds.ts';
import { closePocket, movePocket, openPocket } from '../../../ledger/pockets.ts';
import {
  newId,
  type AccountId,
  type HoldId,
  type PocketId,
  type TransferId,
  type UserId,
} from '../../../platform/ids.ts';
import { ALLOW, openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { storeHeld } from '../payouts/held-store.ts';
import { sendPayout } from '../payouts/payout-store.ts';
import { releaseHoldByTwo } from './release-hold.ts';
import { listStuckTransfers, requeueTransfer, listJobs } from './stuck-transfers.ts';

/* Money that hangs on a hold is freed by two people, and never when it may be on its way. */

let world: TransferWorld;
let pool: pg.Pool;
let ada: Customer;
let account: AccountId;

beforeAll(async () => {
  world = await openTransferWorld();
  pool = world.jobsPool();
  ada = await world.customer('Ada');
  account = await world.account(ada, 'USD', { funds: '1000.00' });
});
afterAll(async () => {
  try {
    await world.proveBooks();
  } finally {
    await world.close();
  }
});

/** A payout whose money is held and that nobody has carried. */
async function waiting(): Promise<{ transferId: TransferId; holdId: HoldId }> {
  const transferId = newId<TransferId>();
  const verdict = await storeHeld(pool, {
    transferId,
    userId: ada.userId,
    idempotencyKey: newId(),
    bodyHash: Buffer.alloc(32),
    type: 'WITHDRAWAL',
    amount: { amountMinor: 1_000n, currency: 'USD' },
    feeLines: [],
    source: { accountId: account, ownerId: ada.userId, label: 'Ada' },
    destination: {
      accountId: null,
      paymentMethodId: await world.link(ada),
      ownerId: ada.userId,
      label: 'Visa',
      reference: 'card',
      holder: 'Ada',
    },
    description: null,
    preference: 'BALANCED',
    quoteId: null,
    quotedProvider: null,
    initiatedAt: new Date(),
    assessment: ALLOW,
  });
  expect(verdict.outcome).toBe('DONE');
  const { rows } = await world.admin.query<{ id: HoldId }>('SELECT id FROM ledger.hold WHERE transfer_id = $1', [
    transferId,
  ]);
  return { transferId, holdId: rows[0]!.id };
}

const [kofi, lena, mia] = [newId<UserId>(), newId<UserId>(), newId<UserId>()];
const say = (holdId: string, actor: string) => releaseHoldByTwo(pool, { holdId, actor });

/** As the job does right before it asks the provider. */
async function send(transferId: TransferId): Promise<void> {
  const figures = { preference: 'BALANCED' as const, candidates: [] };
  expect(await sendPayout(pool, transferId, { provider: 'stripe', figures, note: 'A test.' })).toBe(1);
}

async function stateOf({ transferId, holdId }: { transferId: TransferId; holdId: HoldId }): Promise<unknown> {
  const { rows } = await world.admin.query(
    `SELECT h.status AS hold, t.status AS transfer FROM ledger.hold h, transfer.transfer t WHERE h.id = $1 AND t.id = $2`,
    [holdId, transferId],
  );
  return rows[0];
}

describe('a hold whose transfer was never sent', () => {
  test('is released by two people, and the transfer fails with it, so that nothing carries it out later', async () => {
    const payout = await waiting();
    expect(await say(payout.holdId, kofi)).toBe('PROPOSED');
    await expect(say(payout.holdId, kofi)).rejects.toMatchObject({ code: 'SECOND_PERSON_REQUIRED' });
    expect(await stateOf(payout)).toEqual({ hold: 'OPEN', transfer: 'BALANCE_RESERVED' });
    expect(await say(payout.holdId, lena)).toBe('RELEASED');
    expect(await stateOf(payout)).toEqual({ hold: 'RELEASED', transfer: 'FAILED' });
    await expect(say(payout.holdId, kofi)).rejects.toMatchObject({ code: 'HOLD_CLOSED' });
  });

  test('is released once when many say so at the same moment, and by nobody alone', async () => {
    const alone = await waiting();
    await Promise.allSettled(Array.from({ length: 5 }, () => say(alone.holdId, kofi)));
    expect(await stateOf(alone)).toEqual({ hold: 'OPEN', transfer: 'BALANCE_RESERVED' });
    const both = await waiting();
    const verdicts = await Promise.all([say(both.holdId, kofi), say(both.holdId, lena)]);
    expect(verdicts.sort()).toEqual(['PROPOSED', 'RELEASED']);
    expect(await stateOf(both)).toEqual({ hold: 'RELEASED', transfer: 'FAILED' });
  });

  test('is released by people whose names are known: whoever sits at the command line is neither the first nor the second', async () => {
    const payout = await waiting();
    await expect(say(payout.holdId, 'cli:root')).rejects.toMatchObject({ code: 'PERSON_REQUIRED' });
    await world.admin.query(
      `INSERT INTO transfer.intervention (actor, action, subject) VALUES ('cli:root', 'HOLD_RELEASE_PROPOSED', $1)`,
      [payout.holdId],
    );
    expect(await say(payout.holdId, kofi)).toBe('PROPOSED');
    await expect(say(payout.holdId, 'cli:root')).rejects.toMatchObject({ code: 'PERSON_REQUIRED' });
    expect(await stateOf(payout)).toEqual({ hold: 'OPEN', transfer: 'BALANCE_RESERVED' });
  });

  test('without a transfer is released too', async () => {
    const id = newId<HoldId>();
    await placeHold(pool, { id, accountId: account, amount: { amountMinor: 5n, currency: 'USD' }, transferId: null });
    await say(id, kofi);
    expect(await say(id, lena)).toBe('RELEASED');
  });

  test('wants both within a day', async () => {
    const payout = await waiting();
    await world.admin.query(
      `INSERT INTO transfer.intervention (actor, action, subject, at) VALUES ($2, 'HOLD_RELEASE_PROPOSED', $1, now() - interval '25 hours')`,
      [payout.holdId, kofi],
    );
    expect(await say(payout.holdId, lena)).toBe('PROPOSED');
    expect(await stateOf(payout)).toMatchObject({ hold: 'OPEN' });
  });
});

describe('what may be on its way', () => {
  test('is not released, whoever says so and however many', async () => {
    const payout = await waiting();
    await send(payout.transferId);
    for (const actor of [kofi, lena, mia]) {
      await expect(say(payout.holdId, actor)).rejects.toMatchObject({ code: 'TRANSFER_WAS_SENT' });
    }
    expect(await stateOf(payout)).toEqual({ hold: 'OPEN', transfer: 'SENT_TO_PROVIDER' });
  });

  test('is not released either when it is sent between the two people', async () => {
    const payout = await waiting();
    await say(payout.holdId, kofi);
    await send(payout.transferId);
    await expect(say(payout.holdId, lena)).rejects.toMatchObject({ code: 'TRANSFER_WAS_SENT' });
  });
});

test('money in a pocket is nobody’s to free, however many say so: it is its owner’s', async () => {
  const id = newId<PocketId>();
  expect(await openPocket(world.admin, { id, accountId: account, most: 20 })).toBeNull();
  expect(await movePocket(world.admin, id, 100n)).toBeNull();
  const { rows } = await world.admin.query<{ hold_id: HoldId }>('SELECT hold_id FROM ledger.pocket WHERE id = $1', [
    id,
  ]);
  for (const actor of [kofi, lena]) {
    await expect(say(rows[0]!.hold_id, actor)).rejects.toMatchObject({ code: 'HOLD_OF_POCKET' });
  }
  // Nothing was broken on the way: the owner goes on with it.
  expect(await movePocket(world.admin, id, 1n)).toBeNull();
  expect(await closePocket(world.admin, id)).toBeNull();
});

test('holds that there are not are not found', async () => {
  for (const id of [newId<HoldId>(), 'no id'])
    await expect(say(id, kofi)).rejects.toMatchObject({ code: 'HOLD_NOT_FOUND' });
});

describe('a transfer that hangs', () => {
  test('is listed by its age and requeued once under its own key; one that has ended is not', async () => {
    const payout = await waiting();
    expect((await listStuckTransfers(pool, 3_600)).map(({ id }) => id)).not.toContain(payout.transferId);
    const [found] = (await listStuckTransfers(pool, 0)).filter(({ id }) => id === payout.transferId);
    expect(found).toMatchObject({ status: 'BALANCE_RESERVED', amount: '1000', currency: 'USD', provider: null });
    await Promise.all([1, 2, 3].map(() => requeueTransfer(pool, { transferId: payout.transferId, actor: 'kofi' })));
    expect((await listJobs(pool)).filter(({ key }) => key === `payout:${payout.transferId}`)).toHaveLength(1);

    const ended = await waiting();
    await say(ended.holdId, kofi);
    await say(ended.holdId, lena);
    await expect(requeueTransfer(pool, { transferId: ended.transferId, actor: 'kofi' })).rejects.toMatchObject({
      code: 'TRANSFER_HAS_ENDED',
    });
    await expect(requeueTransfer(pool, { transferId: newId(), actor: 'kofi' })).rejects.toMatchObject({
      code: 'TRANSFER_NOT_FOUND',
    });
  });
});
