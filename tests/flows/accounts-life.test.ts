import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AccountId } from '../../platform/ids.ts';
import type { Role } from '../../platform/viewer.ts';
import { openWorld, type Person, type TransferPayload, type World } from '../world.ts';

/* What may happen to an account in its life, through the public door of two gateways on one database. */

let world: World;
beforeAll(async () => {
  world = await openWorld({ gateways: 2 });
});
afterAll(() => world.close());

/** Somebody of the bank's staff: roles are given behind the graph, and are in the tokens of the next session. */
async function staff(role: Role): Promise<Person> {
  const person = await world.register(role);
  await world.admin.query(`UPDATE "user".person SET roles = $2 WHERE id = $1`, [person.userId, ['CUSTOMER', role]]);
  const { login } = await world.ask<{ login: { tokens: { accessToken: string; refreshToken: string } } }>(
    'mutation ($input: LoginInput!) { login(input: $input) { tokens { accessToken refreshToken } userErrors { code } } }',
    { input: { email: person.email, password: 'correct horse battery staple' } },
  );
  return { ...person, ...login.tokens };
}

interface Answer {
  status?: string | null;
  userErrors: { code: string }[];
}

async function change(as: Person, field: string, gateway = 0): Promise<Answer> {
  const fields =
    field.startsWith('setOverdraft') || field.includes('Pocket') ? 'userErrors { code }' : 'status userErrors { code }';
  const { answer } = await world.ask<{ answer: Answer }>(
    `mutation { answer: ${field} { ${fields} } }`,
    {},
    { as, gateway },
  );
  return answer;
}

const outcome = ({ transfer, userErrors }: TransferPayload) => transfer?.status ?? userErrors[0]!.code;
const refusals = ({ userErrors }: Answer) => userErrors.map(({ code }) => code);

const pay = async (from: Person, source: string, destination: string, amount: string, gateway = 0) =>
  outcome(
    await world.transfer(
      from,
      { source: { accountId: source }, destination: { accountId: destination }, amount: { amount, currency: 'USD' } },
      gateway,
    ),
  );

async function couple() {
  const [ada, ben] = [await world.register('Ada'), await world.register('Ben')];
  return {
    ada,
    ben,
    adas: await world.openAccount(ada, 'USD', '100'),
    bens: await world.openAccount(ben, 'USD', '100'),
  };
}

interface Shown {
  status: string;
  frozenReason: string | null;
  balance: { posted: { amount: string }; available: { amount: string }; held: { amount: string }; overdraft: { amount: string }; version: number };
  pockets: { id: string; name: string; balance: { amount: string } }[];
  overview: Record<'own' | 'available' | 'overdraft' | 'pockets' | 'reserved', { amount: string }>;
} // prettier-ignore
const SHOWN = `status frozenReason balance { posted { amount } available { amount } held { amount } overdraft { amount } version }
  pockets { id name balance { amount } }
  overview { own { amount } available { amount } overdraft { amount } pockets { amount } reserved { amount } }`;

async function shown(as: Person, accountId: string, gateway = 0): Promise<Shown> {
  const { account } = await world.ask<{ account: Shown }>(
    `{ account(id: "${accountId}") { ${SHOWN} } }`,
    {},
    { as, gateway },
  );
  return account;
}

describe('a frozen account', () => {
  test('neither pays nor is paid, at any gateway, until its owner unfreezes it; the live balance hears of it', async () => {
    const { ada, ben, adas, bens } = await couple();
    const live = world.follow<{ balanceUpdated: { balance: { version: number }; account: { status: string } } }>(
      'subscription ($id: ID!) { balanceUpdated(accountId: $id) { balance { version } account { status } cause { id } } }',
      { id: adas },
      { as: ada, gateway: 1 },
    );
    await live.result(0);
    expect(await change(ada, `freezeAccount(accountId: "${adas}", reason: "Lost my phone")`)).toEqual({
      status: 'FROZEN',
      userErrors: [],
    });
    expect((await live.result(1)).data).toMatchObject({
      balanceUpdated: { balance: { version: 2 }, account: { status: 'FROZEN' }, cause: null },
    });
    expect(await pay(ada, adas, bens, '1', 1)).toBe('ACCOUNT_FROZEN');
    expect(await pay(ben, bens, adas, '1')).toBe('ACCOUNT_FROZEN');
    expect(await shown(ada, adas, 1)).toMatchObject({ status: 'FROZEN', frozenReason: 'Lost my phone' });
    expect(await change(ada, `unfreezeAccount(accountId: "${adas}")`, 1)).toMatchObject({ status: 'ACTIVE' });
    expect((await live.result(2)).data).toMatchObject({
      balanceUpdated: { balance: { version: 3 }, account: { status: 'ACTIVE' } },
    });
    expect(await pay(ada, adas, bens, '1')).toBe('COMPLETED');
    await live.leave();
  });

  test('by the bank stays so for its owner', async () => {
    const { ada, ben, adas } = await couple();
    const support = await staff('SUPPORT');
    expect(refusals(await change(ben, `freezeAccount(accountId: "${adas}", reason: "x")`))).toEqual([
      'ACCOUNT_NOT_FOUND',
    ]);
    expect(refusals(await change(support, `freezeAccount(accountId: "${adas}", reason: "Court order")`))).toEqual([]);
    expect(refusals(await change(ada, `unfreezeAccount(accountId: "${adas}")`, 1))).toEqual(['FROZEN_BY_BANK']);
    expect(refusals(await change(await staff('COMPLIANCE'), `unfreezeAccount(accountId: "${adas}")`))).toEqual([]);
    expect((await shown(ada, adas)).status).toBe('ACTIVE');
  });

  test('by its owner while payments run has a last one, and none after it', async () => {
    const { ada, adas, bens } = await couple();
    const [, ...paid] = await Promise.all([
      change(ada, `freezeAccount(accountId: "${adas}", reason: "x")`),
      ...Array.from({ length: 10 }, (_, n) => pay(ada, adas, bens, '1', n % 2)),
    ]);
    const done = paid.filter((one) => one === 'COMPLETED').length;
    expect(paid.filter((one) => one !== 'COMPLETED')).toEqual(Array(10 - done).fill('ACCOUNT_FROZEN'));
    expect(await shown(ada, adas)).toMatchObject({
      status: 'FROZEN',
      balance: { posted: { amount: `${100 - done}.00` }, version: 2 + done },
    });
  });
});

test('an overdraft is agreed on by ADMIN, spent by transfers, and not taken away while it is in use', async () => {
  const { ada, adas, bens } = await couple();
  const admin = await staff('ADMIN');
  const denied = await world.send(`mutation { setOverdraft(accountId: "${adas}", amount: "50") { userErrors { code } } }`, {}, { as: await staff('SUPPORT') }); // prettier-ignore
  expect(denied.errors![0]!.extensions.code).toBe('FORBIDDEN');
  expect(refusals(await change(admin, `setOverdraft(accountId: "${adas}", amount: "50")`))).toEqual([]);
  expect(await pay(ada, adas, bens, '150.01')).toBe('INSUFFICIENT_FUNDS');
  expect(await pay(ada, adas, bens, '140')).toBe('COMPLETED');
  expect(await shown(ada, adas)).toMatchObject({
    balance: { posted: { amount: '-40.00' }, available: { amount: '10.00' }, overdraft: { amount: '50.00' } },
  });
  expect(refusals(await change(admin, `setOverdraft(accountId: "${adas}", amount: "39.99")`, 1))).toEqual([
    'OVERDRAFT_IN_USE',
  ]);
  expect(refusals(await change(ada, `closeAccount(accountId: "${adas}")`))).toEqual(['ACCOUNT_NOT_EMPTY']);
});

describe('pockets', () => {
  const createPocket = (as: Person, accountId: AccountId, name: string) =>
    world.ask<{ createPocket: { pocket: { id: string } } }>(
      'mutation ($input: CreatePocketInput!) { createPocket(input: $input) { pocket { id } userErrors { code } } }',
      { input: { accountId, name, idempotencyKey: randomUUID() } },
      { as },
    );
  const moved = (direction: 'To' | 'From', pocketId: string, amount: string, key: string = randomUUID()) =>
    `move${direction}Pocket(input: { pocketId: "${pocketId}", amount: "${amount}", idempotencyKey: "${key}" })`;

  test('keep money from transfers, once for each key at two gateways, and end with their account', async () => {
    const { ada, adas, bens } = await couple();
    const { createPocket: made } = await createPocket(ada, adas, 'Bike');
    const pocketId = made.pocket.id;
    const once = moved('To', pocketId, '70', 'once');
    const answers = await Promise.all([0, 1, 0, 1].map((gateway) => change(ada, once, gateway)));
    expect(answers.flatMap(refusals)).toEqual([]);
    expect(await pay(ada, adas, bens, '30.01')).toBe('INSUFFICIENT_FUNDS');
    expect(await pay(ada, adas, bens, '10', 1)).toBe('COMPLETED');
    expect(await shown(ada, adas, 1)).toMatchObject({
      balance: { posted: { amount: '90.00' }, held: { amount: '70.00' }, available: { amount: '20.00' } },
      pockets: [{ name: 'Bike', balance: { amount: '70.00' } }],
      overview: { own: { amount: '90.00' }, available: { amount: '20.00' }, pockets: { amount: '70.00' }, reserved: { amount: '0.00' } },
    }); // prettier-ignore
    expect(refusals(await change(ada, `closeAccount(accountId: "${adas}")`))).toEqual(['ACCOUNT_NOT_EMPTY']);
    expect(refusals(await change(ada, `closePocket(pocketId: "${pocketId}")`, 1))).toEqual([]);
    expect(await pay(ada, adas, bens, '90')).toBe('COMPLETED');
    expect(await change(ada, `closeAccount(accountId: "${adas}")`, 1)).toEqual({ status: 'CLOSED', userErrors: [] });
    expect(await pay(ada, bens, adas, '1')).toBe('ACCOUNT_NOT_FOUND');
    expect(await shown(ada, adas)).toMatchObject({ status: 'CLOSED', balance: { posted: { amount: '0.00' } } });
  });

  test('and payments racing at two gateways spend no money twice', async () => {
    const { ada, adas, bens } = await couple();
    const { createPocket: made } = await createPocket(ada, adas, 'Bike');
    const [aside, paid] = await Promise.all([
      Promise.all(Array.from({ length: 5 }, (_, n) => change(ada, moved('To', made.pocket.id, '30'), n % 2))),
      Promise.all(Array.from({ length: 5 }, (_, n) => pay(ada, adas, bens, '30', n % 2))),
    ]);
    const set = aside.filter((answer) => refusals(answer).length === 0).length;
    const gone = paid.filter((one) => one === 'COMPLETED').length;
    expect(set + gone).toBe(3);
    expect((await shown(ada, adas)).overview).toMatchObject({
      own: { amount: `${100 - gone * 30}.00` },
      pockets: { amount: `${set * 30}.00` },
      available: { amount: '10.00' },
    });
  });
});
