import { newId } from '../platform/ids.ts';
import type { Role } from '../platform/viewer.ts';
import { statementSample } from './payment-methods.ts';
import type { Person, World } from './world.ts';

/** What a customer can have that others can ask about by its id. */
export type Thing =
  | 'account'
  | 'transfer'
  | 'receivedTransfer'
  | 'quote'
  | 'batch'
  | 'standingOrder'
  | 'pocket'
  | 'paymentMethod'
  | 'alert'
  | 'webhookEndpoint';

/** Makes one anew, and gives its id. */
export type Things = Record<Thing, () => Promise<string>>;

const IBAN = { iban: 'DE89370400440532013000' };
const ONE = { amount: '1.00', currency: 'USD' };

/** All that the customer can have; money comes and goes between them and a friend. */
export async function customersThings(world: World, owner: Person): Promise<Things> {
  const friend = await world.register('Friend');
  const [theirs, friends] = [
    await world.openAccount(owner, 'USD', '900.00'),
    await world.openAccount(friend, 'USD', '900.00'),
  ];
  let keys = 0;
  const key = () => `thing-${++keys}`;
  const make = async (mutation: string, field: string, input: object): Promise<string> => {
    const type = `${mutation[0]!.toUpperCase()}${mutation.slice(1)}Input`;
    const answer = await world.ask<Record<string, Record<string, { id: string } | null>>>(
      `mutation ($input: ${type}!) { ${mutation}(input: $input) { ${field} { id } userErrors { code } } }`,
      { input },
      { as: owner },
    );
    const made = answer[mutation]![field];
    if (!made) throw new Error(`${mutation} made nothing: ${JSON.stringify(answer)}`);
    return made.id;
  };
  const pay = async (from: Person, source: string, destination: string) => {
    const input = { source: { accountId: source }, destination: { accountId: destination }, amount: ONE };
    const { transfer } = await world.transfer(from, input);
    return transfer!.id;
  };
  const account = async () => world.openAccount(owner, 'USD', '10.00');
  return {
    account,
    transfer: () => pay(owner, theirs, friends),
    receivedTransfer: () => pay(friend, friends, theirs),
    quote: async () =>
      make('quoteTransfer', 'quote', {
        source: { accountId: theirs },
        destination: { accountId: await account() },
        amount: ONE,
      }),
    batch: () =>
      make('createBatch', 'batch', {
        idempotencyKey: key(),
        mode: 'EACH',
        items: [{ itemKey: 'a', source: { accountId: theirs }, destination: IBAN, amount: ONE }],
      }),
    standingOrder: () =>
      make('createStandingOrder', 'standingOrder', {
        idempotencyKey: key(),
        source: { accountId: theirs },
        destination: { accountId: friends },
        amount: ONE,
        frequency: 'DAILY',
        firstOn: new Date(Date.now() + 86_400_000).toISOString().slice(0, 10),
      }),
    pocket: async () =>
      make('createPocket', 'pocket', { accountId: await account(), name: 'Car', idempotencyKey: key() }),
    paymentMethod: () =>
      make('connectPaymentMethod', 'paymentMethod', {
        type: 'BANK_ACCOUNT',
        provider: 'statement',
        statement: statementSample('checking.ofx'),
      }),
    alert: async () => {
      const transferId = await pay(owner, theirs, friends);
      // An older one, which a stream goes on from, and a newer one, which it then shows.
      const [older, newer] = [newId(), newId()];
      for (const [id, type] of [
        [older, 'OLDER'],
        [newer, 'NEWER'],
      ]) {
        await world.admin.query(
          `INSERT INTO risk.alert (id, user_id, transfer_id, type, severity, message, created_at)
           VALUES ($1, $2, $3, $4, 'LOW', 'Something to know.', now())`,
          [id, owner.userId, transferId, `${type}_${++keys}`],
        );
      }
      return older;
    },
    webhookEndpoint: () =>
      make('createWebhookEndpoint', 'endpoint', { url: 'https://example.com/hook', eventTypes: ['BALANCE_UPDATED'] }),
  };
}

/** Somebody with this role; roles are given behind the graph, and are in the tokens of the next session. */
export async function staffMember(world: World, role: Role): Promise<Person> {
  const person = await world.register(role);
  if (role === 'CUSTOMER') return person;
  await world.admin.query(`UPDATE "user".person SET roles = $2 WHERE id = $1`, [person.userId, ['CUSTOMER', role]]);
  const { refreshSession } = await world.ask<{
    refreshSession: { tokens: { accessToken: string; refreshToken: string } };
  }>(
    'mutation ($input: RefreshSessionInput!) { refreshSession(input: $input) { tokens { accessToken refreshToken } } }',
    { input: { refreshToken: person.refreshToken } },
  );
  return { ...person, ...refreshSession.tokens };
}
