import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId } from '../../platform/ids.ts';
import type { Role } from '../../platform/viewer.ts';
import { OPERATIONS, textOf } from '../graph-operations.ts';
import { customersThings, staffMember, type Thing, type Things } from '../customers-things.ts';
import { openWorld, type Answer, type Person, type World } from '../world.ts';

/* Who may do what. Every operation of the graph stands in WHO_MAY, or the first test is red: a new one is not open to anybody by oversight. */

type Args = Record<string, unknown>;
type Who =
  /** No token is needed. */
  | { kind: 'anybody'; args: Args }
  /** Whoever is logged in; it is about nobody's thing. */
  | { kind: 'customer'; args: Args }
  /** Whose thing it is; to others it is as if it did not exist. */
  | { kind: 'owner'; thing: Thing; args: (id: string, key: string) => Args }
  /** Staff with one of these roles. The arguments are such that nothing is done. */
  | { kind: 'staff'; roles: readonly Role[]; args: Args };

const anybody = (args: Args): Who => ({ kind: 'anybody', args });
const customer = (args: Args = {}): Who => ({ kind: 'customer', args });
const owner = (thing: Thing, args: (id: string, key: string) => Args = (id) => ({ id })): Who => ({
  kind: 'owner',
  thing,
  args,
});
const staff = (roles: readonly Role[], args: Args = {}): Who => ({ kind: 'staff', roles, args });

const ANY_STAFF: readonly Role[] = ['SUPPORT', 'COMPLIANCE', 'ADMIN'];
const SUPPORT: readonly Role[] = ['SUPPORT', 'ADMIN'];
const COMPLIANCE: readonly Role[] = ['COMPLIANCE', 'ADMIN'];
const ADMIN: readonly Role[] = ['ADMIN'];

const NOBODY = newId();
const usd = (amount: string) => ({ amount, currency: 'USD' });
const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
const fromAccount = (accountId: string) => ({
  source: { accountId },
  destination: { email: stranger.email },
  amount: usd('1.00'),
});
const order = (accountId: string, idempotencyKey: string) => ({ idempotencyKey, ...fromAccount(accountId) });
const moved = (pocketId: string, idempotencyKey: string) => ({ input: { pocketId, amount: '1.00', idempotencyKey } });

const WHO_MAY: Record<string, Who> = {
  'Mutation.register': anybody({ input: { email: 'no email', password: 'x', displayName: '' } }),
  'Mutation.login': anybody({ input: { email: 'nobody@example.com', password: 'not the password' } }),
  'Mutation.refreshSession': anybody({ input: { refreshToken: 'nonsense' } }),
  'Mutation.logout': customer(),
  'Query.me': customer(),
  'Mutation.openAccount': customer({ input: { currency: 'USD', name: '' } }),
  'Mutation.connectPaymentMethod': customer({ input: { type: 'CARD', provider: 'nobody', token: 'x' } }),
  'Mutation.setSpendingLimit': customer({ input: { currency: 'USD', daily: '2', monthly: '1' } }),
  'Mutation.createWebhookEndpoint': customer({ input: { url: 'no url', eventTypes: ['BALANCE_UPDATED'] } }),
  'Mutation.createBatch': customer({ input: { idempotencyKey: 'empty', mode: 'EACH', items: [] } }),
  'Subscription.portfolioUpdated': customer({ currency: 'USD' }),

  'Query.account': owner('account'),
  'Query.transfer': owner('transfer'),
  'Query.quote': owner('quote'),
  'Query.batch': owner('batch'),
  'Query.standingOrder': owner('standingOrder'),
  'Mutation.createTransfer': owner('account', (id, key) => ({ input: order(id, key) })),
  'Mutation.quoteTransfer': owner('account', (id) => ({ input: fromAccount(id) })),
  'Mutation.cancelTransfer': owner('transfer'),
  'Mutation.refundTransfer': owner('receivedTransfer', (transferId, idempotencyKey) => ({
    input: { transferId, idempotencyKey },
  })),
  'Mutation.createStandingOrder': owner('account', (id, key) => ({
    input: { ...order(id, key), frequency: 'DAILY', firstOn: tomorrow },
  })),
  'Mutation.scheduleTransfer': owner('account', (id, key) => ({ input: { ...order(id, key), on: tomorrow } })),
  'Mutation.updateStandingOrder': owner('standingOrder', (id) => ({ input: { id, amount: usd('2.00') } })),
  'Mutation.pauseStandingOrder': owner('standingOrder'),
  'Mutation.resumeStandingOrder': owner('standingOrder'),
  'Mutation.cancelStandingOrder': owner('standingOrder'),
  'Mutation.freezeAccount': owner('account', (accountId) => ({ accountId, reason: 'Lost my phone.' })),
  'Mutation.unfreezeAccount': owner('account', (accountId) => ({ accountId })),
  'Mutation.closeAccount': owner('account', (accountId) => ({ accountId })),
  'Mutation.createPocket': owner('account', (accountId, idempotencyKey) => ({
    input: { accountId, name: 'Car', idempotencyKey },
  })),
  'Mutation.moveToPocket': owner('pocket', moved),
  'Mutation.moveFromPocket': owner('pocket', moved),
  'Mutation.renamePocket': owner('pocket', (pocketId) => ({ pocketId, name: 'Boat' })),
  'Mutation.closePocket': owner('pocket', (pocketId) => ({ pocketId })),
  'Mutation.syncPaymentMethod': owner('paymentMethod'),
  'Mutation.disconnectPaymentMethod': owner('paymentMethod'),
  'Mutation.acknowledgeRiskAlert': owner('alert'),
  'Mutation.updateWebhookEndpoint': owner('webhookEndpoint', (id) => ({ input: { id, isActive: false } })),
  'Mutation.rotateWebhookSecret': owner('webhookEndpoint'),
  'Mutation.deleteWebhookEndpoint': owner('webhookEndpoint'),
  'Mutation.replayWebhooks': owner('webhookEndpoint', (endpointId) => ({ input: { endpointId } })),
  'Subscription.balanceUpdated': owner('account', (accountId) => ({ accountId })),
  'Subscription.transferUpdated': owner('transfer', (transferId) => ({ transferId })),
  'Subscription.riskAlertRaised': owner('alert', (afterId) => ({ afterId })),

  'Query.bankAlarms': staff(ANY_STAFF),
  'Query.ledgerHealth': staff(ANY_STAFF),
  'Query.outgoingPauses': staff(ANY_STAFF),
  'Query.deadLetters': staff(SUPPORT),
  'Query.reconciliationExceptions': staff(SUPPORT),
  'Query.settlementProofs': staff(SUPPORT),
  'Query.settlementFetches': staff(SUPPORT),
  'Query.outstandingReceivables': staff(COMPLIANCE),
  'Query.transfersInReview': staff(COMPLIANCE),
  'Mutation.releaseTransfer': staff(COMPLIANCE, { id: NOBODY }),
  'Mutation.refuseTransfer': staff(COMPLIANCE, { id: NOBODY, reason: 'x' }),
  'Mutation.reverseTransfer': staff(ADMIN, { input: { transferId: NOBODY, idempotencyKey: 'x', reason: 'x' } }),
  'Mutation.setOverdraft': staff(ADMIN, { accountId: NOBODY, amount: '1' }),
  'Mutation.pauseOutgoing': staff(ADMIN, { scope: {}, reason: 'x' }),
  'Mutation.resumeOutgoing': staff(ADMIN, { scope: {} }),
  'Mutation.stopPosting': staff(ADMIN, { reason: '' }),
  'Mutation.resumePosting': staff(ADMIN),
  'Mutation.retryDeadLetter': staff(ADMIN, { id: NOBODY }),
  'Mutation.resolveDeadLetter': staff(ADMIN, { id: NOBODY, resolution: 'x' }),
  'Mutation.importSettlementReport': staff(ADMIN, { input: { provider: 'nobody', format: 'JSON', content: '' } }),
  'Mutation.resolveReconciliationException': staff(ADMIN, { id: NOBODY, resolution: 'x' }),
};

const ROLES: readonly Role[] = ['CUSTOMER', 'PARTNER', ...ANY_STAFF];

let world: World;
let ada: Person;
let stranger: Person;
let loggedOut: Person;
let things: Things;
const members = new Map<Role, Person>();
let keys = 0;

beforeAll(async () => {
  world = await openWorld();
  [ada, stranger, loggedOut] = [await world.register('Ada'), await world.register('Eve'), await world.register('Gone')];
  await world.openAccount(stranger, 'USD', '100.00');
  things = await customersThings(world, ada);
  for (const role of ROLES) members.set(role, await staffMember(world, role));
  await world.ask('mutation { logout { loggedOut } }', {}, { as: loggedOut });
}, 120_000);
afterAll(() => world.close());

/** What somebody gets for an operation. A stream's is what comes first, or how it ends. */
async function ask(operation: string, args: Args, as: Person | null): Promise<Pick<Answer, 'data' | 'errors'>> {
  const query = textOf(operation, args);
  if (!operation.startsWith('Subscription')) {
    const { data, errors } = await world.send(query, args, { as });
    return { data, errors };
  }
  const stream = world.follow(query, args, { as });
  const refused = stream.ended.then(({ codes, closeCode }) => {
    const code =
      closeCode === 4403 || closeCode === 4401
        ? 'UNAUTHENTICATED'
        : typeof codes[0] === 'string'
          ? codes[0]
          : `closed with ${closeCode}`;
    return { data: null, errors: [{ message: '', extensions: { code } }] };
  });
  const first = await Promise.race([refused, stream.result(0).then(({ data }) => ({ data, errors: undefined }))]);
  await stream.leave();
  return first;
}

const codesOf = ({ errors }: Pick<Answer, 'errors'>): string[] =>
  (errors ?? []).map(({ extensions }) => extensions.code);

/** An answer without what differs from call to call, so that two of them can be compared. */
function comparable({ data, errors }: Pick<Answer, 'data' | 'errors'>): string {
  const text = JSON.stringify({ data, errors: errors?.map(({ message, extensions: { code } }) => [code, message]) });
  return text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID').replace(/20\d\d-\d\d-\d\dT[\d:.]+Z/g, 'TIME');
}

/** What a fault of ours would show. */
function expectNoInsides(answer: Pick<Answer, 'data' | 'errors'>): void {
  expect(codesOf(answer)).not.toContain('INTERNAL');
  expect(JSON.stringify(answer)).not.toMatch(/node_modules|\.ts:\d|SELECT |INSERT |stacktrace|syntax for type/);
}

const argsOf = (who: Who): Args => (typeof who.args === 'function' ? who.args(NOBODY, `nobody-${++keys}`) : who.args);
const of = <Kind extends Who['kind']>(kind: Kind) =>
  Object.entries(WHO_MAY).filter((entry): entry is [string, Extract<Who, { kind: Kind }>] => entry[1].kind === kind);

test('every operation of the graph says who may', () => {
  expect(Object.keys(WHO_MAY).sort()).toEqual([...OPERATIONS].sort());
});

describe('without a token, or with one of a session that has ended', () => {
  test.each(Object.entries(WHO_MAY))('%s', async (operation, who) => {
    const nobody = await ask(operation, argsOf(who), null);
    expectNoInsides(nobody);
    // What is asked for by its id is null to whoever may not see it (the contract's word), and so to nobody at all.
    const isById = who.kind === 'owner' && operation.startsWith('Query.');
    if (who.kind === 'anybody' || isById) expect(codesOf(nobody)).toEqual([]);
    if (isById) expect(Object.values(nobody.data!)).toEqual([null]);
    else if (who.kind !== 'anybody') expect(new Set(codesOf(nobody))).toEqual(new Set(['UNAUTHENTICATED']));
    const ended = await ask(operation, argsOf(who), loggedOut);
    expect(new Set(codesOf(ended))).toEqual(new Set(['UNAUTHENTICATED']));
    expect(ended.data ?? null).toBeNull();
  });
});

describe('another’s thing is as one that does not exist', () => {
  test.each(of('owner'))('to %s', async (operation, { thing, args }) => {
    const id = await things[thing]();
    const askOf = (what: string, as: Person) => ask(operation, args(what, `key-${++keys}`), as);
    const unknown = await askOf(NOBODY, stranger);
    expectNoInsides(unknown);
    expect(comparable(await askOf(id, stranger))).toBe(comparable(unknown));
    expect(comparable(await askOf('no id', stranger))).toBe(comparable(unknown));
    // It is there, and what the owner gets is something else.
    const own = await askOf(id, ada);
    expectNoInsides(own);
    expect(comparable(own)).not.toBe(comparable(unknown));
  });
});

describe('what is the staff’s', () => {
  test.each(of('staff'))('%s', async (operation, { roles, args }) => {
    for (const role of ROLES) {
      const answer = await ask(operation, args, members.get(role)!);
      expectNoInsides(answer);
      expect([role, codesOf(answer)]).toEqual([role, roles.includes(role) ? [] : ['FORBIDDEN']]);
      if (!roles.includes(role)) expect(Object.values(answer.data ?? {}).filter((value) => value !== null)).toEqual([]);
    }
  });
});

test('what is about nobody’s thing is answered to everybody who is logged in', async () => {
  for (const [operation, { args }] of of('customer')) {
    const person = operation === 'Mutation.logout' ? await world.register() : stranger;
    const answer = await ask(operation, args, person);
    expectNoInsides(answer);
    expect([operation, codesOf(answer)]).toEqual([operation, []]);
  }
});
