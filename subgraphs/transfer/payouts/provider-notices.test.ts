import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ProviderOutcomeUnknownError } from '../../../providers/card-provider.ts';
import type { Payout } from '../../../providers/payout-provider.ts';
import { BEGUN, openPayoutScene, steps, type PayoutScene } from '../../../tests/payout-scene.ts';
import { applyProviderNotice, askPayout } from './apply-provider-notice.ts';

let scene: PayoutScene;

beforeAll(async () => {
  scene = await openPayoutScene();
});
beforeEach(() => scene.begin());
afterAll(() => scene.close());

const signal = new AbortController().signal;
const succeeded: Payout = { outcome: 'SUCCEEDED', reference: 'r', feeMinor: null };
const pending: Payout = { outcome: 'PENDING', reference: 'r', step: 'CLEARING' };
const declined: Payout = { outcome: 'DECLINED', reference: 'r', code: 'no_such_account', message: 'No such account.' };
const returned: Payout = { outcome: 'RETURNED', reference: 'r', code: 'AC04', message: 'The account was closed.' };
const SAID = { succeeded, pending, declined, returned };
type Said = keyof typeof SAID;

const tell = (id: string, said: Payout, provider = 'bankrail') =>
  // The cast: tests read ids as text.
  applyProviderNotice(scene.deps, id as never, { provider, payout: said });

/** A payout that the only provider was given and has not spoken of. */
async function sent(): Promise<string> {
  scene.payouts.names = ['bankrail'];
  scene.payouts.providers.bankrail.sends.push(() => Promise.reject(new ProviderOutcomeUnknownError('no answer')));
  const { id } = await scene.started();
  await scene.reaches(id, 'PROVIDER_CONFIRMING');
  return id;
}

describe('what a provider tells', () => {
  test.each<[Said[], string, boolean]>([
    [['succeeded'], 'COMPLETED', false],
    [['pending', 'succeeded', 'pending'], 'COMPLETED', false],
    [['succeeded', 'succeeded'], 'COMPLETED', false],
    [['succeeded', 'declined'], 'COMPLETED', true],
    [['declined'], 'FAILED', false],
    [['declined', 'declined', 'pending'], 'FAILED', false],
    [['declined', 'succeeded'], 'FAILED', true],
    [['declined', 'returned'], 'FAILED', true],
    [['succeeded', 'returned'], 'REVERSED', false],
    [['returned'], 'REVERSED', false],
    [['returned', 'succeeded', 'returned', 'pending'], 'REVERSED', false],
    [['returned', 'declined'], 'REVERSED', true],
  ])('%j ends it as %s; contradiction: %s', async (said, status, contradicts) => {
    const id = await sent();
    const before = await scene.balance();
    for (const word of said) {
      await tell(id, SAID[word]);
      if (word === 'declined')
        await scene.reaches(
          id,
          (await scene.read(id))!.status === 'PROVIDER_CONFIRMING' ? 'FAILED' : (await scene.read(id))!.status,
        );
    }
    const now = await scene.reaches(id, status);
    const fees = before.held - 10_000n;
    const posted = { COMPLETED: 90_000n - fees, FAILED: 100_000n, REVERSED: 100_000n - fees }[status];
    expect(await scene.balance()).toEqual({ posted, held: 0n });
    expect(await scene.entriesOf(id)).toBe({ COMPLETED: 1, FAILED: 0, REVERSED: 2 }[status]);
    expect(await scene.lettersOf(id)).toEqual(contradicts ? [['PROVIDER_CONTRADICTION', 'CRITICAL']] : []);
    expect(new Set(steps(now)).size).toBe(steps(now).length);
    await scene.world.proveBooks();
  });

  test('many times at once has its effect once', async () => {
    const id = await sent();
    await Promise.all(Array.from({ length: 5 }, () => tell(id, succeeded)));
    await Promise.all(Array.from({ length: 5 }, () => tell(id, returned)));
    const now = await scene.reaches(id, 'REVERSED');
    expect(steps(now)).toEqual([...BEGUN, 'SENT_TO_PROVIDER', 'PROVIDER_CONFIRMING', 'COMPLETED', 'REVERSED']);
    expect(now.timeline.at(-1)!.note).toBe('The account was closed.');
    expect(await scene.entriesOf(id)).toBe(2);
    expect((await scene.eventsOf(id)).slice(-2)).toEqual(['TransferCompleted', 'TransferReversed']);
    expect(await scene.lettersOf(id)).toEqual([]);
  });

  test('before the answer to the call completes it, and the answer is no news', async () => {
    let goOn = () => {};
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    scene.payouts.providers.bankrail.sends.push(async (send) => {
      await waiting;
      return send();
    });
    const { id } = await scene.started();
    await scene.reaches(id, 'SENT_TO_PROVIDER');
    await tell(id, succeeded);
    await scene.reaches(id, 'COMPLETED');
    goOn();
    await askPayout(scene.deps, id, signal);
    expect(await scene.entriesOf(id)).toBe(1);
    expect(await scene.lettersOf(id)).toEqual([]);
  });

  test('of a payout that it was never given, or of one that it denies having paid, is a contradiction', async () => {
    const id = await sent();
    await tell(id, succeeded, 'paystack');
    expect((await scene.read(id))!.status).toBe('PROVIDER_CONFIRMING');
    expect(await scene.lettersOf(id)).toEqual([['PROVIDER_CONTRADICTION', 'CRITICAL']]);
    const done = await scene.started();
    await scene.reaches(done.id, 'COMPLETED');
    scene.payouts.providers.bankrail.paid.clear();
    await askPayout(scene.deps, done.id, signal);
    expect(await scene.lettersOf(done.id)).toEqual([['PROVIDER_CONTRADICTION', 'CRITICAL']]);
    expect((await scene.read(done.id))!.status).toBe('COMPLETED');
    await tell(id, declined);
  });

  test('"not here" of an open attempt sends it to the next, but not while our call may still be on its way', async () => {
    const id = await sent();
    scene.payouts.names = ['bankrail', 'paystack'];
    await expect(askPayout(scene.deps, id as never, signal)).rejects.toThrow('may still be getting it');
    expect(await scene.attemptsOf(id)).toEqual(['bankrail OPEN']);
    await scene.age(id);
    await askPayout(scene.deps, id as never, signal);
    await scene.reaches(id, 'COMPLETED');
    expect(await scene.attemptsOf(id)).toEqual(['bankrail NOT_HERE', 'paystack SUCCEEDED']);
    // What comes from the first after all has moved money that is not ours to count twice: staff must look.
    await tell(id, succeeded);
    expect(await scene.lettersOf(id)).toEqual([['PROVIDER_CONTRADICTION', 'CRITICAL']]);
    expect(await scene.entriesOf(id)).toBe(1);
  });

  test('of money that came back waits while the account is frozen, and goes to suspense when it is closed', async () => {
    const frozen = await sent();
    await tell(frozen, succeeded);
    await scene.world.setStatus(scene.account, 'FROZEN');
    await expect(tell(frozen, returned)).rejects.toThrow('ACCOUNT_FROZEN');
    expect((await scene.read(frozen))!.status).toBe('COMPLETED');
    await scene.world.setStatus(scene.account, 'ACTIVE');
    await tell(frozen, returned);
    expect((await scene.read(frozen))!.status).toBe('REVERSED');

    const closed = await sent();
    await tell(closed, succeeded);
    await scene.world.setStatus(scene.account, 'CLOSED');
    await tell(closed, returned);
    expect(steps((await scene.read(closed))!).at(-1)).toBe('REVERSED HELD_IN_SUSPENSE');
    expect(await scene.lettersOf(closed)).toEqual([['PAYOUT_SUSPENDED', 'HIGH']]);
    await scene.world.proveBooks();
  });

  test('of money that has left while its hold is gone is put before staff, and taken up again by them', async () => {
    const id = await sent();
    await scene.world.admin.query('SELECT ledger.release_hold(id) FROM ledger.hold WHERE transfer_id = $1', [id]);
    await tell(id, succeeded);
    expect((await scene.read(id))!.status).toBe('PROVIDER_CONFIRMING');
    expect(await scene.lettersOf(id)).toEqual([['PAYOUT_NOT_CAPTURED', 'CRITICAL']]);
    expect(await scene.entriesOf(id)).toBe(0);
    // What a person would repair: here the payout ends, so that the books can be proved.
    await tell(id, declined);
    await scene.hurriedTo(id, 'FAILED');
  });
});
