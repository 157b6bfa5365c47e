import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { StoredEvent } from '../../platform/events.ts';
import { newId, type PaymentMethodId, type TransferId } from '../../platform/ids.ts';
import type { SubgraphEvent } from '../../platform/subgraph.ts';
import { blocked, endStatements, hold } from '../../tests/deposit-jobs.ts';
import { CREATE_DEPOSIT, openDepositScene, type CreatedDeposit, type DepositScene } from '../../tests/deposit-scene.ts';
import { ALLOW } from '../../tests/transfer-world.ts';
import { until } from '../../tests/until.ts';
import { findPaymentMethod, recordPaymentMethods, storeDeposit, type PlannedDeposit } from './deposit-store.ts';

const FOLLOW = `subscription ($id: ID!) { transferUpdated(transferId: $id) { status } }`;

let scene: DepositScene;

beforeAll(async () => {
  scene = await openDepositScene();
});
beforeEach(() => scene.begin());
afterAll(() => scene.close());

describe('one key', () => {
  test('is one deposit and one charge, however often it is sent at once and afterwards', async () => {
    const idempotencyKey = `key-${newId()}`;
    const answers = await Promise.all(Array.from({ length: 10 }, () => scene.create({ idempotencyKey })));
    expect(answers.flatMap(({ userErrors }) => userErrors)).toEqual([]);
    const ids = new Set(answers.map(({ transfer }) => transfer!.id));
    expect(ids.size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const [id] = [...ids];
    await scene.reaches(id!, 'COMPLETED');
    // A repetition shows the deposit as it is now.
    expect(await scene.create({ idempotencyKey })).toMatchObject({
      replayed: true,
      transfer: { id, status: 'COMPLETED' },
    });
    expect(scene.cards.calls).toEqual([`charge deposit_${id}`]);
    expect(await scene.world.balance(scene.account)).toBe(2550n);
  });

  test('for another body is refused, before and beside the other', async () => {
    const idempotencyKey = `key-${newId()}`;
    const amounts = ['1.00', '2.00'].map((amount) => ({ amount, currency: 'USD' }));
    const answers = await Promise.all(amounts.map((amount) => scene.create({ idempotencyKey, amount })));
    expect(answers.filter(({ transfer }) => transfer)).toHaveLength(1);
    expect(answers.flatMap(({ userErrors }) => userErrors)).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }]);
    const started = answers.find(({ transfer }) => transfer)!.transfer!;
    const fresh = { idempotencyKey, amount: { amount: '3.00', currency: 'USD' } };
    expect((await scene.create(fresh)).userErrors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }]);
    // Nor does it serve for a transfer between accounts.
    const internal = { idempotencyKey, source: { accountId: scene.account }, destination: { email: scene.bob.email } };
    expect((await scene.create(internal)).userErrors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }]);
    await scene.reaches(started.id, 'COMPLETED');
    expect(scene.cards.charges.size).toBe(1);
  });
});

describe('a deposit whose start is disturbed', () => {
  /** Somebody else is just deciding this key. */
  const claim = (key: string) =>
    hold(
      scene.world.admin,
      `INSERT INTO transfer.idempotency_key (user_id, mutation, key, body_hash, transfer_id)
       VALUES ($1, 'createTransfer', $2, '\\x00', $3)`,
      [scene.ada.userId, key, newId()],
    );

  test('by a connection that breaks is OUTCOME_UNKNOWN, and the same key tells', async () => {
    const idempotencyKey = `key-${newId()}`;
    const held = await claim(idempotencyKey);
    const asking = scene.world.execute(scene.ada, CREATE_DEPOSIT, { input: scene.input({ idempotencyKey }) });
    await endStatements(scene.world.admin, await blocked(scene.world.admin, 'start_deposit'));
    expect((await asking).errors).toMatchObject([{ extensions: { code: 'OUTCOME_UNKNOWN' } }]);
    await held.undo();
    const { transfer, replayed } = await scene.create({ idempotencyKey });
    expect(replayed).toBe(false);
    await scene.reaches(transfer!.id, 'COMPLETED');
  });

  test('by a lock that is held for too long is POSTER_BUSY, with nothing stored', async () => {
    const idempotencyKey = `key-${newId()}`;
    // A lock of the table: a transaction that has written would hold back the event readers of every other test for as long.
    const held = await hold(scene.world.admin, 'LOCK TABLE transfer.idempotency_key IN SHARE ROW EXCLUSIVE MODE');
    const before = await scene.world.stored();
    expect((await scene.create({ idempotencyKey })).userErrors).toEqual([{ code: 'POSTER_BUSY', field: null }]);
    expect(await scene.world.stored()).toEqual(before);
    await held.undo();
    expect((await scene.create({ idempotencyKey })).replayed).toBe(false);
  });

  test('by an answer that is lost: the same call again says what it did', async () => {
    const planned = plan();
    const pool = scene.world.jobsPool();
    expect(await storeDeposit(pool, planned)).toEqual({ outcome: 'DONE', transferId: planned.transferId });
    expect(await storeDeposit(pool, planned)).toEqual({ outcome: 'DONE', transferId: planned.transferId });
    const another = { ...planned, transferId: newId<TransferId>() };
    const replay = { outcome: 'REPLAYED', transferId: planned.transferId, code: null };
    expect(await storeDeposit(pool, another)).toEqual(replay);
    const other = { ...another, bodyHash: Buffer.alloc(32, 9) };
    expect(await storeDeposit(pool, other)).toEqual({ outcome: 'KEY_REUSED' });
    await scene.reaches(planned.transferId, 'COMPLETED');
    expect(await scene.eventsOf(planned.transferId)).toEqual([
      'DepositStarted',
      'TransferAdvanced',
      'TransferCompleted',
    ]);
  });

  test('by a verdict that the key stood for before gets it again', async () => {
    const planned = plan();
    await scene.world.admin.query(
      `INSERT INTO transfer.idempotency_key (user_id, mutation, key, body_hash, transfer_id, verdict)
       VALUES ($1, 'createTransfer', $2, $3, $4, 'INSUFFICIENT_FUNDS')`,
      [scene.ada.userId, planned.idempotencyKey, planned.bodyHash, newId()],
    );
    const replay = { outcome: 'REPLAYED', transferId: null, code: 'INSUFFICIENT_FUNDS' };
    expect(await storeDeposit(scene.world.jobsPool(), planned)).toEqual(replay);
  });

  function plan(): PlannedDeposit {
    return {
      transferId: newId(),
      userId: scene.ada.userId,
      idempotencyKey: `key-${newId()}`,
      bodyHash: Buffer.alloc(32, 1),
      amount: { amountMinor: 100n, currency: 'USD' },
      source: { paymentMethodId: scene.card, reference: 'card', label: 'Visa' },
      destination: { accountId: scene.account, label: 'Ada' },
      description: null,
      initiatedAt: new Date(),
      assessment: ALLOW,
    };
  }
});

describe('a payment method', () => {
  test('is what the newest fact about it says, in whatever order the facts come', async () => {
    const pool = scene.world.jobsPool();
    const paymentMethodId = newId<PaymentMethodId>();
    const owner = { paymentMethodId, ownerId: scene.ada.userId };
    const fact = (type: 'PaymentMethodConnected' | 'PaymentMethodDisconnected', minute: number, label = 'Visa') =>
      ({
        type,
        payload: {
          ...owner,
          type: 'CARD',
          provider: 'stripe',
          reference: 'r',
          label,
          at: `2026-01-01T00:0${minute}:00Z`,
        },
        // Of an event, only this is looked at.
      }) as unknown as StoredEvent<'PaymentMethodConnected' | 'PaymentMethodDisconnected'>;
    const [first, ended, again] = [
      fact('PaymentMethodConnected', 1, 'first'),
      fact('PaymentMethodDisconnected', 2),
      fact('PaymentMethodConnected', 3, 'again'),
    ];
    await recordPaymentMethods(pool, [first, ended]);
    await recordPaymentMethods(pool, [first]);
    expect(await findPaymentMethod(pool, paymentMethodId)).toMatchObject({ active: false, label: 'first' });
    await recordPaymentMethods(pool, [again, ended, first]);
    expect(await findPaymentMethod(pool, paymentMethodId)).toMatchObject({ active: true, label: 'again' });
  });
});

describe('a deposit is refused, with nothing stored and nothing charged,', () => {
  async function expectRefusal(code: string, field: string[] | null, change: Record<string, unknown>): Promise<void> {
    const before = await scene.world.stored();
    const answer = await scene.create(change);
    expect(answer).toEqual({ transfer: null, replayed: false, userErrors: [{ code, field }] });
    expect(await scene.world.stored()).toEqual(before);
    expect(scene.cards.calls).toEqual([]);
  }

  test('onto another customer’s account, which is as one that does not exist', async () => {
    const theirs = await scene.world.account(scene.bob);
    await expectRefusal('ACCOUNT_NOT_FOUND', ['destination', 'accountId'], { destination: { accountId: theirs } });
  });

  test('onto another customer by email', async () => {
    await expectRefusal('FEATURE_UNAVAILABLE', ['destination', 'email'], { destination: { email: scene.bob.email } });
  });

  test('from another customer’s card, and from one to a card', async () => {
    const theirs = await scene.world.link(scene.bob);
    const field = ['source', 'paymentMethodId'];
    await expectRefusal('PAYMENT_METHOD_NOT_FOUND', field, { source: { paymentMethodId: theirs } });
    const toCard = { destination: { paymentMethodId: scene.card } };
    await expectRefusal('FEATURE_UNAVAILABLE', ['destination', 'paymentMethodId'], toCard);
  });

  test('in another currency than the account’s', async () => {
    const amount = { amount: '5.00', currency: 'EUR' };
    await expectRefusal('CURRENCY_MISMATCH', ['amount', 'currency'], { amount });
  });

  test.each(['FROZEN', 'CLOSED'] as const)('onto an account that is %s', async (status) => {
    await scene.world.setStatus(scene.account, status);
    await expectRefusal(`ACCOUNT_${status}`, ['destination', 'accountId'], {});
  });

  test('when risk says no or nothing', async () => {
    scene.world.risk.answer = async () => ({ ...ALLOW, decision: 'BLOCK' });
    await expectRefusal('NOT_PROCESSED', null, {});
    scene.world.risk.answer = () => Promise.reject(new Error('down'));
    await expectRefusal('RISK_UNAVAILABLE', null, {});
    scene.world.risk.answer = async () => ALLOW;
  });
});

describe('a card that was linked just now', () => {
  test('is found, since what wallet has said is waited for', async () => {
    const linked = await scene.world.link(scene.ada, { unheard: true });
    const { transfer } = await scene.create({ source: { paymentMethodId: linked } });
    await scene.reaches(transfer!.id, 'COMPLETED');
  });
});

describe('a customer whose cards are declined again and again', () => {
  test('is asked to wait: who tries out stolen cards tries many', async () => {
    const { world, cards } = scene;
    const eve = await world.customer('Eve');
    const ends = {
      source: { paymentMethodId: await world.link(eve) },
      destination: { accountId: await world.account(eve) },
    };
    const create = () => world.execute(eve, CREATE_DEPOSIT, { input: scene.input(ends) });
    for (let n = 0; n < 20; n++) {
      cards.script.push(async () => ({ outcome: 'DECLINED', chargeId: null, code: 'lost_card', message: 'No.' }));
      const { transfer } = (await create()).data!['createTransfer'] as CreatedDeposit;
      await until('it is declined', async () => (await scene.read(transfer!.id, eve))?.status === 'FAILED');
    }
    expect((await create()).errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
    // Nobody else is.
    const { transfer } = await scene.create();
    await scene.reaches(transfer!.id, 'COMPLETED');
  });
});

describe('another customer', () => {
  test('sees nothing of a deposit by its id', async () => {
    const { transfer } = await scene.create();
    expect(await scene.read(transfer!.id, scene.bob)).toBeNull();
    await scene.reaches(transfer!.id, 'COMPLETED');
    const stream = scene.world.subscribe(scene.bob, FOLLOW, { id: transfer!.id });
    const { value } = (await stream.next()) as { value: SubgraphEvent };
    expect(value.result.errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
  });
});
