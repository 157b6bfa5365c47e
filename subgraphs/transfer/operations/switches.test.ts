import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { newId, type AccountId } from '../../../platform/ids.ts';
import { createScriptedCards } from '../../../tests/scripted-cards.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { readPauses } from './pauses.ts';

/* Kill switches: on record, at once, and nothing is stored of what was refused meanwhile. */

const PAUSE = `mutation ($scope: PauseScopeInput!, $reason: String!) {
  pauseOutgoing(scope: $scope, reason: $reason) { pauses { all provider currency reason pausedBy } userErrors { code field } } }`;
const RESUME = `mutation ($scope: PauseScopeInput!) { resumeOutgoing(scope: $scope) { pauses { all provider currency } userErrors { code } } }`;
const PAUSES = `{ outgoingPauses { all provider currency reason } }`;
const STOP = `mutation ($reason: String!) { stopPosting(reason: $reason) { postingStopped { reason at } userErrors { code field } } }`;
const RUN = `mutation { resumePosting { postingStopped { reason } userErrors { code } } }`;
const ALARMS = `{ bankAlarms { code subject message } }`;
const HEALTH = `{ ledgerHealth { postingStopped { reason } } }`;
const CREATE = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { transfer { status } replayed userErrors { code retryable } } }`;

let world: TransferWorld;
let admin: Customer;
let customer: Customer;
let from: AccountId;
let to: AccountId;

beforeAll(async () => {
  world = await openTransferWorld({ cards: createScriptedCards() });
  const kofi = await world.customer('Kofi');
  admin = { ...kofi, viewer: { ...kofi.viewer, roles: ['CUSTOMER', 'ADMIN'] } };
  customer = await world.customer('Ada');
  from = await world.account(customer, 'USD', { funds: '100.00' });
  to = await world.account(await world.customer('Ben'));
});
beforeEach(async () => {
  await world.admin.query('SELECT ledger.resume_posting()');
  await world.admin.query(
    `UPDATE transfer.outgoing_pause SET resumed_by = 'test', resumed_at = now() WHERE resumed_at IS NULL`,
  );
});
afterAll(async () => {
  await world.proveBooks();
  await world.close();
});

async function ask(as: Customer | null, query: string, variables: Record<string, unknown> = {}): Promise<unknown> {
  const { data, errors } = await world.execute(as, query, variables);
  if (errors) throw new Error(JSON.stringify(errors[0]));
  return Object.values(data as object)[0];
}

const transfer = (more: object = {}) =>
  ask(customer, CREATE, {
    input: {
      idempotencyKey: newId(),
      source: { accountId: from },
      destination: { accountId: to },
      amount: { amount: '1', currency: 'USD' },
      ...more,
    },
  });

const record = async () =>
  (
    await world.admin.query<{ actor: string; action: string; subject: string; note: string | null }>(
      'SELECT actor, action, subject, note FROM transfer.intervention ORDER BY number DESC LIMIT 2',
    )
  ).rows.reverse();

describe('pauseOutgoing', () => {
  test.each([
    [{ all: true }, { all: true, provider: null, currency: null }, { all: true, providers: [], currencies: [] }, 'ALL'],
    [
      { provider: 'stripe' },
      { all: false, provider: 'stripe', currency: null },
      { all: false, providers: ['stripe'], currencies: [] },
      'stripe',
    ],
    [
      { currency: 'NGN' },
      { all: false, provider: null, currency: 'NGN' },
      { all: false, providers: [], currencies: ['NGN'] },
      'NGN',
    ],
  ])(
    'pauses %j for whoever reads it next, until resumeOutgoing; who, when and why are on record',
    async (scope, shown, read, subject) => {
      const reason = 'They lose payments.';
      expect(await ask(admin, PAUSE, { scope, reason })).toEqual({
        pauses: [{ ...shown, reason, pausedBy: admin.userId }],
        userErrors: [],
      });
      const { all, providers, currencies } = await readPauses(world.jobsPool());
      expect({ all, providers: [...providers], currencies: [...currencies] }).toEqual(read);
      // Again changes nothing: it stays as it was paused first.
      expect(await ask(admin, PAUSE, { scope, reason: 'Another.' })).toMatchObject({ pauses: [{ reason }] });
      expect(await ask(admin, PAUSES)).toMatchObject([{ ...shown, reason }]);
      expect(await ask(admin, RESUME, { scope })).toEqual({ pauses: [], userErrors: [] });
      expect(await readPauses(world.jobsPool())).toEqual({ all: false, providers: new Set(), currencies: new Set() });
      expect(await record()).toEqual([
        { actor: admin.userId, action: 'OUTGOING_PAUSED', subject, note: reason },
        { actor: admin.userId, action: 'OUTGOING_RESUMED', subject, note: null },
      ]);
    },
  );

  test('is one pause when many ask for it at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => ask(admin, PAUSE, { scope: { all: true }, reason: 'Now.' })),
    );
    for (const answer of answers) expect(answer).toMatchObject({ pauses: [{ all: true }] });
  });

  test.each([
    [{}, 'EXACTLY_ONE_SCOPE'],
    [{ all: false }, 'EXACTLY_ONE_SCOPE'],
    [{ all: true, provider: 'stripe' }, 'EXACTLY_ONE_SCOPE'],
    [{ provider: 'stirpe' }, 'UNKNOWN_PROVIDER'],
    [{ currency: 'XXX' }, 'UNSUPPORTED_CURRENCY'],
  ])('refuses %j: a switch that is misspelt would pause nothing', async (scope, code) => {
    expect(await ask(admin, PAUSE, { scope, reason: 'Now.' })).toMatchObject({ pauses: [], userErrors: [{ code }] });
  });

  test('wants to know why', async () => {
    expect(await ask(admin, PAUSE, { scope: { all: true }, reason: ' ' })).toMatchObject({
      userErrors: [{ code: 'INVALID_REASON' }],
    });
  });
});

describe('stopPosting', () => {
  test('lets nothing move and stores nothing; the same key moves the money afterwards', async () => {
    const bank = await world.link(customer);
    expect(await ask(admin, STOP, { reason: 'We look at the books.' })).toMatchObject({
      postingStopped: { reason: 'We look at the books.' },
      userErrors: [],
    });
    const before = await world.stored();
    const idempotencyKey = newId();
    const refused = { transfer: null, replayed: false, userErrors: [{ code: 'BANK_READ_ONLY', retryable: true }] };
    expect(await transfer({ idempotencyKey })).toEqual(refused);
    expect(await transfer({ source: { paymentMethodId: bank }, destination: { accountId: from } })).toEqual(refused);
    expect(await Promise.all(Array.from({ length: 5 }, () => transfer()))).toEqual(Array(5).fill(refused));
    expect(await world.stored()).toEqual(before);
    expect(await ask(admin, HEALTH)).toEqual({ postingStopped: { reason: 'We look at the books.' } });
    expect(await ask(admin, ALARMS)).toContainEqual({
      code: 'POSTING_STOPPED',
      subject: '',
      message: 'Nothing is posted: We look at the books.',
    });

    expect(await ask(admin, RUN)).toEqual({ postingStopped: null, userErrors: [] });
    expect(await transfer({ idempotencyKey })).toMatchObject({ transfer: { status: 'COMPLETED' }, userErrors: [] });
    expect(await record()).toEqual([
      { actor: admin.userId, action: 'POSTING_STOPPED', subject: 'ledger', note: 'We look at the books.' },
      { actor: admin.userId, action: 'POSTING_RESUMED', subject: 'ledger', note: null },
    ]);
  });

  test('answers what was done before from what was stored', async () => {
    const idempotencyKey = newId();
    await transfer({ idempotencyKey });
    await ask(admin, STOP, { reason: 'Now.' });
    expect(await transfer({ idempotencyKey })).toMatchObject({ transfer: { status: 'COMPLETED' }, replayed: true });
  });

  test('keeps the first reason, and wants one', async () => {
    expect(await ask(admin, STOP, { reason: '' })).toMatchObject({ userErrors: [{ code: 'INVALID_REASON' }] });
    await ask(admin, STOP, { reason: 'First.' });
    expect(await ask(admin, STOP, { reason: 'Second.' })).toMatchObject({ postingStopped: { reason: 'First.' } });
  });
});

describe('who may', () => {
  test('customers get FORBIDDEN, and so does support for what acts', async () => {
    const support: Customer = { ...customer, viewer: { ...customer.viewer, roles: ['SUPPORT'] } };
    const acting = [
      [PAUSE, { scope: { all: true }, reason: 'Mine.' }],
      [RESUME, { scope: { all: true } }],
      [STOP, { reason: 'Mine.' }],
      [RUN, {}],
    ] as const;
    for (const [query, variables] of acting) {
      await expect(ask(customer, query, variables)).rejects.toThrow('FORBIDDEN');
      await expect(ask(support, query, variables)).rejects.toThrow('FORBIDDEN');
      await expect(ask(null, query, variables)).rejects.toThrow('UNAUTHENTICATED');
    }
    for (const query of [PAUSES, ALARMS, HEALTH]) {
      await expect(ask(customer, query)).rejects.toThrow('FORBIDDEN');
      await expect(ask(support, query)).resolves.toBeDefined();
    }
  });
});
