import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { SubgraphEvent } from '../../platform/subgraph.ts';
import {
  ProviderOutcomeUnknownError,
  ProviderRefusedError,
  type Charge,
  type ChargeRequest,
} from '../../providers/card-provider.ts';
import { blocked, hold, holdRelay, hurry, jobGone, jobWaits } from '../../tests/deposit-jobs.ts';
import { openDepositScene, steps, type DepositScene, type ShownDeposit } from '../../tests/deposit-scene.ts';
import { until } from '../../tests/until.ts';
import { askAboutDeposit, chargeDeposit } from './charge-deposit.ts';
import { completeDeposit } from './deposit-store.ts';
import { stepTransfer } from './step-transfer.ts';

const FOLLOW = `subscription ($id: ID!) { transferUpdated(transferId: $id) { status failureCode timeline { status } } }`;

let scene: DepositScene;

beforeAll(async () => {
  scene = await openDepositScene();
});
beforeEach(() => scene.begin());
afterAll(() => scene.close());

describe('a deposit', () => {
  test('answers at once as INITIATED, and is credited when the card was charged', async () => {
    const { transfer, replayed, userErrors } = await scene.create({ description: 'Savings' });
    expect({ replayed, userErrors }).toEqual({ replayed: false, userErrors: [] });
    expect(transfer).toMatchObject({
      type: 'DEPOSIT',
      status: 'INITIATED',
      failureCode: null,
      amount: { amount: '25.50', currency: 'USD' },
      destinationAmount: { amount: '25.50', currency: 'USD' },
      fees: { amount: '0.00' },
      source: { label: 'Visa •••• 4242', account: null, paymentMethod: { id: scene.card } },
      destination: { label: 'Ada', account: { id: scene.account }, paymentMethod: null },
    });
    expect(steps(transfer!)).toEqual(['INITIATED']);

    const done = await scene.reaches(transfer!.id, 'COMPLETED');
    expect(steps(done)).toEqual(['INITIATED', 'SENT_TO_PROVIDER', 'COMPLETED']);
    expect(done.timeline.map(({ at }) => at)).toEqual(done.timeline.map(({ at }) => at).sort());
    expect(await scene.world.balance(scene.account)).toBe(2550n);
    expect(await scene.entriesOf(done.id)).toBe(1);
    await jobGone(scene.world.admin, done.id);
    expect(scene.cards.calls).toEqual([`charge deposit_${done.id}`]);
    expect([...scene.cards.charges.values()].map(({ request }) => request)).toEqual([
      {
        key: `deposit_${done.id}`,
        transferId: done.id,
        reference: 'card',
        amountMinor: 2550n,
        currency: 'USD',
      },
    ]);
    expect(await scene.eventsOf(done.id)).toEqual(['DepositStarted', 'TransferAdvanced', 'TransferCompleted']);
    expect(scene.world.risk.asked.at(-1)).toMatchObject({
      type: 'DEPOSIT',
      sourceAccountId: null,
      recipientId: scene.ada.userId,
    });
    const { rows } = await scene.world.admin.query('SELECT customer_id FROM risk.assessment WHERE transfer_id = $1', [
      done.id,
    ]);
    expect(rows).toEqual([{ customer_id: scene.ada.userId }]);
    await scene.world.proveBooks();
  });

  test('is a line on the statement with the card as its other end', async () => {
    const { transfer } = await scene.create();
    await scene.reaches(transfer!.id, 'COMPLETED');
    const { rows } = await scene.world.admin.query(
      `SELECT p.amount, p.line_type, p.counterparty FROM ledger.posting p JOIN ledger.entry e ON e.id = p.entry_id
       WHERE e.transfer_id = $1 ORDER BY p.amount DESC`,
      [transfer!.id],
    );
    expect(rows).toEqual([
      { amount: '2550', line_type: 'DEPOSIT', counterparty: 'Visa •••• 4242' },
      { amount: '-2550', line_type: 'DEPOSIT', counterparty: null },
    ]);
  });

  test('FAILS with the provider’s code when the card is declined, and moves nothing', async () => {
    const declined = {
      outcome: 'DECLINED' as const,
      chargeId: null,
      code: 'insufficient_funds',
      message: 'Too little.',
    };
    scene.cards.script.push(async () => declined);
    const { transfer } = await scene.create();
    const failed = await scene.reaches(transfer!.id, 'FAILED');
    expect(failed.failureCode).toBe('insufficient_funds');
    expect(steps(failed)).toEqual(['INITIATED', 'SENT_TO_PROVIDER', 'FAILED']);
    expect(failed.timeline.at(-1)!.note).toBe('Too little.');
    await jobGone(scene.world.admin, failed.id);
    expect(await scene.entriesOf(failed.id)).toBe(0);
    expect(await scene.world.balance(scene.account)).toBe(0n);
    expect(await scene.eventsOf(failed.id)).toEqual(['DepositStarted', 'TransferAdvanced', 'TransferFailed']);
  });

  test('FAILS with the provider’s code when the provider refuses the request', async () => {
    scene.cards.script.push(() =>
      Promise.reject(new ProviderRefusedError('resource_missing', 'No such payment method.')),
    );
    const { transfer } = await scene.create();
    expect((await scene.reaches(transfer!.id, 'FAILED')).failureCode).toBe('resource_missing');
  });

  test('whose charge was made but not heard of is PROVIDER_CONFIRMING, then COMPLETED, charged once', async () => {
    scene.cards.script.push(async (charge) => {
      charge();
      throw new ProviderOutcomeUnknownError('the connection broke');
    });
    const { transfer } = await scene.create();
    await scene.reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    expect(await scene.world.balance(scene.account)).toBe(0n);
    const done = await scene.hurriedTo(transfer!.id, 'COMPLETED');
    expect(steps(done)).toEqual(['INITIATED', 'SENT_TO_PROVIDER', 'PROVIDER_CONFIRMING', 'COMPLETED']);
    expect(scene.cards.calls).toEqual([`charge deposit_${done.id}`, `find ${done.id}`]);
    expect(scene.cards.charges.size).toBe(1);
    expect(await scene.world.balance(scene.account)).toBe(2550n);
  });

  test('that never reached the provider is sent again under the same key, however often the provider is away', async () => {
    const away = () => Promise.reject(new ProviderOutcomeUnknownError('nobody answers'));
    scene.cards.script.push(away, away, away);
    const { transfer } = await scene.create();
    const done = await scene.hurriedTo(transfer!.id, 'COMPLETED');
    // One step for the whole time: what is said again and again is no news.
    expect(steps(done)).toEqual(['INITIATED', 'SENT_TO_PROVIDER', 'PROVIDER_CONFIRMING', 'COMPLETED']);
    expect(scene.cards.calls.filter((call) => call === `charge deposit_${done.id}`)).toHaveLength(4);
    expect(scene.cards.charges.size).toBe(1);
  });

  test('that the provider still works on waits, and any fault of the adapter counts as unknown', async () => {
    scene.cards.script.push(
      async () => ({ outcome: 'PENDING', chargeId: 'p' }),
      () => Promise.reject(new TypeError('a bug')),
    );
    const { transfer } = await scene.create();
    await scene.reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    scene.cards.findFailures.push(new ProviderOutcomeUnknownError('search is down'));
    const done = await scene.hurriedTo(transfer!.id, 'COMPLETED');
    expect(steps(done)).toEqual(['INITIATED', 'SENT_TO_PROVIDER', 'PROVIDER_CONFIRMING', 'COMPLETED']);
    expect(scene.cards.charges.size).toBe(1);
  });

  test('that was charged stays open while its account is frozen, and is credited when it no longer is', async () => {
    let goOn = () => {};
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    scene.cards.script.push(async (charge) => {
      await waiting;
      return charge();
    });
    const { transfer } = await scene.create();
    await scene.reaches(transfer!.id, 'SENT_TO_PROVIDER');
    await scene.world.setStatus(scene.account, 'FROZEN');
    goOn();
    const open = await scene.reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    expect(steps(open).at(-1)).toBe('PROVIDER_CONFIRMING AWAITING_ACCOUNT');
    expect(open.timeline.at(-1)!.note).toContain('was taken from the card');
    await hurry(scene.world.admin, open.id);
    await until('it has been tried again', () => scene.cards.calls.includes(`find ${open.id}`));
    expect(await scene.entriesOf(open.id)).toBe(0);
    await scene.world.setStatus(scene.account, 'ACTIVE');
    const done = await scene.hurriedTo(open.id, 'COMPLETED');
    expect(steps(done).slice(-2)).toEqual(['PROVIDER_CONFIRMING AWAITING_ACCOUNT', 'COMPLETED']);
    expect(await scene.world.balance(scene.account)).toBe(2550n);
    expect(scene.cards.charges.size).toBe(1);
  });

  test('asks with the same parameters each time, also when the card was linked anew meanwhile', async () => {
    const asked: ChargeRequest[] = [];
    scene.cards.script.push(
      async (_charge, request) => {
        asked.push(request);
        throw new ProviderOutcomeUnknownError('nobody answers');
      },
      async (charge, request) => {
        asked.push(request);
        return charge();
      },
    );
    const card = await scene.world.link(scene.ada, { reference: 'before' });
    const { transfer } = await scene.create({ source: { paymentMethodId: card } });
    await scene.reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    await scene.world.admin.query(`UPDATE transfer.payment_method SET reference = 'after' WHERE id = $1`, [card]);
    await scene.hurriedTo(transfer!.id, 'COMPLETED');
    expect(asked[0]!.reference).toBe('before');
    expect(asked[1]).toEqual(asked[0]);
  });

  test('whose card was unlinked before it was charged FAILS, and the provider hears nothing', async () => {
    const other = await scene.world.link(scene.ada);
    const held = await holdRelay(scene.world.admin);
    const { transfer } = await scene.create({ source: { paymentMethodId: other } });
    // As the listener does it, which reads nothing while the relay is held.
    await scene.world.admin.query('UPDATE transfer.payment_method SET active = false WHERE id = $1', [other]);
    await held.letGo();
    expect((await scene.reaches(transfer!.id, 'FAILED')).failureCode).toBe('payment_method_disconnected');
    await jobGone(scene.world.admin, transfer!.id);
    expect(scene.cards.calls).toEqual([]);
  });

  test('never sends a key that the provider may have forgotten: it looks, and in the end says that there is no charge', async () => {
    scene.cards.script.push(() => Promise.reject(new ProviderOutcomeUnknownError('nobody answers')));
    const { transfer } = await scene.create();
    await scene.reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    scene.cards.calls.length = 0;
    await sentAgo(transfer!.id, '23 hours 1 minute');
    for (const times of [1, 2]) {
      await hurry(scene.world.admin, transfer!.id);
      await until('it has looked', () => scene.cards.calls.length === times);
      await until('it waits again', () => jobWaits(scene.world.admin, transfer!.id));
    }
    expect(new Set(scene.cards.calls)).toEqual(new Set([`find ${transfer!.id}`]));
    await sentAgo(transfer!.id, '25 hours 1 minute');
    // A look-up that fails proves nothing.
    scene.cards.findFailures.push(new ProviderOutcomeUnknownError('search is down'));
    await hurry(scene.world.admin, transfer!.id);
    await until('it has looked again', () => scene.cards.calls.length === 3);
    await until('it waits again', () => jobWaits(scene.world.admin, transfer!.id));
    expect((await scene.read(transfer!.id))!.status).toBe('PROVIDER_CONFIRMING');
    expect((await scene.hurriedTo(transfer!.id, 'FAILED')).failureCode).toBe('not_charged');
    expect(scene.cards.charges.size).toBe(0);
  });

  test('that is found after its key has become too old is credited', async () => {
    scene.cards.script.push(async (charge) => {
      charge();
      throw new ProviderOutcomeUnknownError('the connection broke');
    });
    const { transfer } = await scene.create();
    await scene.reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    await sentAgo(transfer!.id, '40 days');
    await scene.hurriedTo(transfer!.id, 'COMPLETED');
    expect(await scene.world.balance(scene.account)).toBe(2550n);
  });

  test('whose job runs in many processes at once, and again when the events are read again, is credited once', async () => {
    let goOn = () => {};
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    const first = scene.cards.calls.length;
    scene.cards.script.push(
      ...Array.from({ length: 6 }, () => async (charge: () => Charge) => {
        await waiting;
        return charge();
      }),
    );
    const { transfer } = await scene.create();
    const id = transfer!.id;
    const deps = {
      pool: scene.world.jobsPool(),
      cards: scene.cards,
      wakeUp: { signal: () => scene.world.wake() },
      limits: { penalize: async () => {} },
    };
    const others = Array.from({ length: 5 }, () => chargeDeposit(deps, id, new AbortController().signal));
    await until('all have asked the provider', () => {
      const asked = scene.cards.calls.slice(first).filter((call) => call === `charge deposit_${id}`).length;
      if (asked > 0) return asked === 6;
      return false;
    });
    goOn();
    await Promise.all(others);
    await jobGone(scene.world.admin, id);
    expect(steps((await scene.read(id))!)).toEqual(['INITIATED', 'SENT_TO_PROVIDER', 'COMPLETED']);
    expect(await scene.eventsOf(id)).toEqual(['DepositStarted', 'TransferAdvanced', 'TransferCompleted']);
    expect([await scene.entriesOf(id), await scene.world.balance(scene.account)]).toEqual([1, 2550n]);

    const before = await scene.world.stored();
    const calls = scene.cards.calls.length;
    await scene.world.admin.query(
      `UPDATE platform.listener_cursor SET xid = '0', id = 0 WHERE name = 'transfer.deposits'`,
    );
    await until('every event has been read again', async () => {
      const { rowCount } = await scene.world.admin.query(
        `SELECT FROM platform.listener_cursor c WHERE name = 'transfer.deposits'
         AND (xid, id) >= (SELECT xid, id FROM platform.event WHERE key = $1 AND type = 'TransferCompleted')`,
        [id],
      );
      return rowCount === 1;
    });
    await jobGone(scene.world.admin, id);
    expect(await scene.world.stored()).toEqual(before);
    expect(scene.cards.calls).toHaveLength(calls);
  });

  test('is credited once by those who come to it at the same moment', async () => {
    const held = await holdRelay(scene.world.admin);
    const { transfer } = await scene.create();
    const account = await hold(scene.world.admin, 'SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [
      scene.account,
    ]);
    const credits = Array.from({ length: 3 }, () => completeDeposit(scene.world.jobsPool(), transfer!.id));
    await blocked(scene.world.admin, 'complete_deposit', 3);
    await account.letGo();
    const done = { refusal: null, suspendedAs: null };
    expect(await Promise.all(credits)).toEqual([done, done, done]);
    await held.letGo();
    expect([await scene.entriesOf(transfer!.id), await scene.world.balance(scene.account)]).toEqual([1, 2550n]);
    await scene.world.proveBooks();
  });

  test('that has ended stays as it ended, whatever somebody says later', async () => {
    scene.cards.script.push(async () => declined);
    const failed = await scene.reaches((await scene.create()).transfer!.id, 'FAILED');
    const done = await scene.reaches((await scene.create()).transfer!.id, 'COMPLETED');
    const pool = scene.world.jobsPool();
    for (const { id, status } of [failed, done]) {
      expect(await stepTransfer(pool, id, { from: ['INITIATED'], status: 'SENT_TO_PROVIDER' })).toBe(status);
      const late = { from: ['SENT_TO_PROVIDER'], status: 'FAILED', failureCode: 'late' } as const;
      expect(await stepTransfer(pool, id, late)).toBe(status);
    }
    expect(await completeDeposit(pool, done.id)).toEqual({ refusal: null, suspendedAs: null });
    expect([await scene.read(failed.id), await scene.read(done.id)]).toEqual([failed, done]);
    expect([await scene.entriesOf(done.id), await scene.entriesOf(failed.id)]).toEqual([1, 0]);
  });

  test('that FAILED and was charged all the same is booked to suspense, once, and put before staff', async () => {
    scene.cards.script.push(async () => declined);
    const failed = await scene.reaches((await scene.create()).transfer!.id, 'FAILED');
    await scene.cards.charge(
      { key: `late_${failed.id}`, transferId: failed.id, reference: 'card', amountMinor: 2550n, currency: 'USD' },
      signal,
    );
    await Promise.all([1, 2, 3].map(() => askAboutDeposit(jobDeps(), failed.id, signal)));
    const now = await scene.read(failed.id);
    expect(steps(now!)).toEqual([...steps(failed), 'FAILED CHARGED_AFTER_END']);
    expect(now).toMatchObject({ status: 'FAILED', failureCode: 'card_declined' });
    expect(await onSuspense(failed.id)).toEqual([{ kind: 'SUSPENSE', amount: '2550' }]);
    expect(await scene.world.balance(scene.account)).toBe(0n);
    expect(await lettersOf(failed.id)).toEqual(['DEPOSIT_SUSPENDED']);
    await scene.world.proveBooks();
  });

  test('that was charged for an account that has been closed FAILS, with its money on suspense', async () => {
    let goOn = () => {};
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    scene.cards.script.push(async (charge) => {
      await waiting;
      return charge();
    });
    const { transfer } = await scene.create();
    await scene.reaches(transfer!.id, 'SENT_TO_PROVIDER');
    await scene.world.setStatus(scene.account, 'CLOSED');
    goOn();
    const failed = await scene.reaches(transfer!.id, 'FAILED');
    expect(failed.failureCode).toBe('account_closed');
    expect(steps(failed).at(-1)).toBe('FAILED HELD_IN_SUSPENSE');
    expect(await onSuspense(failed.id)).toEqual([{ kind: 'SUSPENSE', amount: '2550' }]);
    expect(await lettersOf(failed.id)).toEqual(['DEPOSIT_SUSPENDED']);
    await scene.world.proveBooks();
  });

  test('that is declined by the provider’s later word after it was credited is put before staff, and stays', async () => {
    const done = await scene.reaches((await scene.create()).transfer!.id, 'COMPLETED');
    const [key] = [...scene.cards.charges.keys()];
    scene.cards.charges.set(key!, { ...scene.cards.charges.get(key!)!, charge: declined });
    await askAboutDeposit(jobDeps(), done.id, signal);
    expect(await scene.read(done.id)).toEqual(done);
    expect(await lettersOf(done.id)).toEqual(['PROVIDER_CONTRADICTION']);
  });

  const signal = new AbortController().signal;
  const declined = { outcome: 'DECLINED' as const, chargeId: null, code: 'card_declined', message: 'No.' };

  function jobDeps() {
    return {
      pool: scene.world.jobsPool(),
      cards: scene.cards,
      wakeUp: { signal: () => scene.world.wake() },
      limits: { penalize: async () => {} },
    };
  }

  async function onSuspense(id: string) {
    const { rows } = await scene.world.admin.query<{ kind: string; amount: string }>(
      `SELECT a.kind, p.amount FROM ledger.posting p JOIN ledger.entry e ON e.id = p.entry_id
       JOIN ledger.account a ON a.id = p.account_id WHERE e.transfer_id = $1 AND p.amount > 0`,
      [id],
    );
    return rows;
  }

  async function lettersOf(id: string): Promise<string[]> {
    const { rows } = await scene.world.admin.query<{ kind: string }>(
      'SELECT kind FROM transfer.dead_letter WHERE transfer_id = $1',
      [id],
    );
    return rows.map(({ kind }) => kind);
  }

  /** Moves the moment at which a deposit was sent. */
  async function sentAgo(id: string, interval: string): Promise<void> {
    await scene.world.admin.query(
      `UPDATE transfer.transfer SET timeline = jsonb_set(timeline, '{1,at}', to_jsonb(now() - $2::interval)) WHERE id = $1`,
      [id, interval],
    );
  }
});

describe('transferUpdated', () => {
  test('shows every step of a deposit as it happens, the failure code with the last alone', async () => {
    const declined = { outcome: 'DECLINED' as const, chargeId: null, code: 'card_declined', message: 'Declined.' };
    scene.cards.script.push(
      () => Promise.reject(new ProviderOutcomeUnknownError('nobody answers')),
      async () => declined,
    );
    const held = await holdRelay(scene.world.admin);
    const { transfer } = await scene.create();
    const stream = scene.world.subscribe(scene.ada, FOLLOW, { id: transfer!.id });
    const seen: unknown[] = [await next(stream)];
    await held.letGo();
    seen.push(await next(stream), await next(stream));
    await scene.hurriedTo(transfer!.id, 'FAILED');
    seen.push(await next(stream));
    expect(seen).toEqual([
      { status: 'INITIATED', failureCode: null, steps: 1 },
      { status: 'SENT_TO_PROVIDER', failureCode: null, steps: 2 },
      { status: 'PROVIDER_CONFIRMING', failureCode: null, steps: 3 },
      { status: 'FAILED', failureCode: 'card_declined', steps: 4 },
    ]);
    await stream.return!();
  });

  async function next(stream: AsyncIterableIterator<SubgraphEvent>) {
    const { value } = (await stream.next()) as { value: SubgraphEvent };
    const { status, failureCode, timeline } = value.result.data!['transferUpdated'] as ShownDeposit;
    return { status, failureCode, steps: timeline.length };
  }
});
