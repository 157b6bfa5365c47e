import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type PaymentMethodId } from '../../platform/ids.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { done, linesOf, paymentMethodsOf, refusalOf, statementSample } from '../../tests/payment-methods.ts';
import { startWalletWorld, type WalletWorld } from '../../tests/wallet-world.ts';
import { MAX_LINES_OF_METHOD } from './import-statement.ts';
import { MAX_PAYMENT_METHODS } from './link-payment-method.ts';

let world: WalletWorld;
let methods: ReturnType<typeof paymentMethodsOf>;
beforeAll(async () => {
  world = await startWalletWorld();
  methods = paymentMethodsOf(world);
});
afterAll(() => world.close());

const CHECKING = statementSample('checking.ofx');
/** The same account a month later; its first three lines are the last three of CHECKING. */
const CHECKING_NEXT = statementSample('checking-next.ofx');
const CAMT = statementSample('statement.camt053.xml');

const count = async (table: string) => {
  const { rows } = await world.database
    .pool('postgres')
    .query<{ count: string }>(`SELECT count(*) AS count FROM wallet.${table}`);
  return Number(rows[0]!.count);
};

const amounts = (method: Parameters<typeof linesOf>[0]) => linesOf(method).map(({ amount }) => amount.amount);

describe('connectPaymentMethod with a statement', () => {
  test('imports what the file tells, and tells the others', async () => {
    const viewer = viewerFor();
    const method = await done(methods.connectStatement(viewer, CHECKING));
    expect(method).toMatchObject({
      type: 'BANK_ACCOUNT',
      provider: 'statement',
      label: '011000015 ... 6789',
      balance: { amount: '1930.10', currency: 'USD' },
      balanceAsOf: '2026-02-28T23:59:59.000Z',
      lastSync: expect.any(String),
      isActive: true,
    });
    expect(linesOf(method).map(({ amount, description, bookedOn }) => [amount.amount, description, bookedOn])).toEqual([
      ['-7.25', 'CORNER GROCERY 17 MAIN ST', '2026-02-09'],
      ['-7.25', 'CORNER GROCERY 17 MAIN ST', '2026-02-09'],
      ['-800.00', 'Check 319', '2026-02-09'],
      ['-12.50', 'CAFE & CO', '2026-02-05'],
      ['2450.00', 'NORTHWIND PAYROLL; Salary February', '2026-02-02'],
    ]);
    const events = await methods.events(method.id);
    expect(events.map(({ type }) => type)).toEqual([
      'PaymentMethodConnected',
      'ExternalTransactionsImported',
      'PaymentMethodSynced',
    ]);
    expect(events[0]!.payload).toEqual({
      paymentMethodId: method.id,
      ownerId: viewer.userId,
      type: 'BANK_ACCOUNT',
      provider: 'statement',
      label: method.label,
      reference: null,
      at: expect.any(String),
    });
    expect(events[1]!.payload).toMatchObject({ paymentMethodId: method.id, ownerId: viewer.userId, currency: 'USD' });
    expect(events[1]!.payload.lines![1]).toEqual({
      externalTransactionId: linesOf(method)[3]!.id,
      amountMinor: '-1250',
      description: 'CAFE & CO',
      counterparty: 'CAFE & CO',
      bookedOn: '2026-02-05',
      merchantCategory: '5812',
    });
    expect(events[2]!.payload).toMatchObject({
      balanceMinor: '193010',
      currency: 'USD',
      balanceAsOf: '2026-02-28T23:59:59.000Z',
    });
  });

  test('keeps no account number, neither in a table nor in an event', async () => {
    const { id } = await done(methods.connectStatement(viewerFor(), CHECKING));
    const { rows } = await world.database
      .pool('postgres')
      .query<{ row: string }>('SELECT method::text AS row FROM wallet.payment_method method WHERE id = $1', [id]);
    expect(JSON.stringify([rows, await methods.events(id)])).not.toContain('000123456789');
  });

  test('takes the customer’s own label', async () => {
    const { label } = await done(methods.connectStatement(viewerFor(), CHECKING, { label: '  Old bank ' }));
    expect(label).toBe('Old bank');
  });

  test('tells many lines in events of at most 200', async () => {
    const lines = Array.from(
      { length: 450 },
      (_, n) => `<STMTTRN><TRNTYPE>POS<DTPOSTED>20260210<TRNAMT>-1.00<FITID>N-${n}<NAME>N</STMTTRN>`,
    );
    const file = CHECKING.replace('</BANKTRANLIST>', `${lines.join('\n')}</BANKTRANLIST>`);
    const { id } = await done(methods.connectStatement(viewerFor(), file));
    const events = await methods.events(id);
    expect(events.map(({ payload }) => payload.lines?.length)).toEqual([undefined, 200, 200, 55, undefined]);
  });

  test('refuses a wrong file with code, line and reason, and stores nothing of it', async () => {
    const before = [await count('payment_method'), await count('external_transaction')];
    const viewer = viewerFor();
    const answer = await methods.connectStatement(viewer, statementSample('refused/five-decimals.ofx'));
    expect(answer).toEqual({
      paymentMethod: null,
      userErrors: [
        {
          code: 'TOO_MANY_DECIMALS',
          message: 'Line 19: the amount -1.23456 has more decimals than USD has.',
          field: ['statement'],
          retryable: false,
        },
      ],
    });
    expect(await refusalOf(methods.connectStatement(viewer, ' \n'))).toBe('STATEMENT_EMPTY statement');
    expect([await count('payment_method'), await count('external_transaction')]).toEqual(before);
    expect(await methods.list(viewer)).toEqual([]);
  });
});

describe('a file again', () => {
  test('changes nothing and tells nothing', async () => {
    const viewer = viewerFor();
    const first = await done(methods.connectStatement(viewer, CHECKING));
    expect(await done(methods.connectStatement(viewer, CHECKING))).toEqual(first);
    expect(await done(methods.sync(viewer, first.id, CHECKING))).toEqual(first);
    expect(await done(methods.connectStatement(viewer, CHECKING, { label: 'Another name' }))).toEqual(first);
    expect(await methods.list(viewer)).toEqual([first]);
    expect(await methods.events(first.id)).toHaveLength(3);
  });

  test('many times at once is one payment method with each line once', async () => {
    const viewer = viewerFor();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => done(methods.connectStatement(viewer, n % 2 ? CHECKING : CHECKING_NEXT))),
    );
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    const [method] = await methods.list(viewer);
    expect(amounts(method!)).toHaveLength(7);
    expect(method!.balance!.amount).toBe('3167.60');
    const events = await methods.events(method!.id);
    expect(events.filter(({ type }) => type === 'PaymentMethodConnected')).toHaveLength(1);
    expect(events.flatMap(({ payload }) => payload.lines ?? [])).toHaveLength(7);
  });

  test('linked and synced at the same moment is counted right', async () => {
    const viewer = viewerFor();
    const { id } = await done(methods.connectStatement(viewer, CHECKING.replace(/<STMTTRN>[\s\S]*<\/STMTTRN>\n/, '')));
    const file = (n: number) => CHECKING.replace(/<FITID>F-/g, `<FITID>P${n}-`);
    await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        done(n % 2 ? methods.sync(viewer, id, file(n)) : methods.connectStatement(viewer, file(n))),
      ),
    );
    const { rows } = await world.database.pool('postgres').query(
      `SELECT lines, (SELECT count(*)::int FROM wallet.external_transaction WHERE payment_method_id = $1) AS stored
         FROM wallet.payment_method WHERE id = $1`,
      [id],
    );
    expect(rows).toEqual([{ lines: 40, stored: 40 }]);
  });

  test('of a later time adds what is new and moves the balance on', async () => {
    const viewer = viewerFor();
    const first = await done(methods.connectStatement(viewer, CHECKING));
    const second = await done(methods.sync(viewer, first.id, CHECKING_NEXT));
    expect(amounts(second)).toEqual(['-1212.50', '2450.00', ...amounts(first)]);
    expect(linesOf(second).slice(2)).toEqual(linesOf(first));
    expect(second.balance).toEqual({ amount: '3167.60', currency: 'USD' });
    expect(second.lastSync! >= first.lastSync!).toBe(true);
    const events = await methods.events(first.id);
    expect(events.slice(3).map(({ type }) => type)).toEqual(['ExternalTransactionsImported', 'PaymentMethodSynced']);
    expect(events[3]!.payload.lines).toHaveLength(2);
  });

  test('of an earlier time adds what is new and leaves the balance', async () => {
    const viewer = viewerFor();
    const first = await done(methods.connectStatement(viewer, CHECKING_NEXT));
    const second = await done(methods.connectStatement(viewer, CHECKING));
    expect(amounts(second)).toEqual([...amounts(first), '-12.50', '2450.00']);
    expect(second).toMatchObject({
      id: first.id,
      balance: first.balance,
      balanceAsOf: first.balanceAsOf,
      lastSync: first.lastSync,
    });
    const events = await methods.events(first.id);
    expect(events.slice(3).map(({ type }) => type)).toEqual(['ExternalTransactionsImported']);
  });

  test('of the same moment counts as newer when it says more', async () => {
    const viewer = viewerFor();
    const first = await done(methods.connectStatement(viewer, CHECKING));
    const second = await done(methods.connectStatement(viewer, CHECKING.replace('1930.10', '1900.00')));
    expect(second.balance!.amount).toBe('1900.00');
    expect(second.lastSync! >= first.lastSync!).toBe(true);
  });

  test('keeps two equal lines two', async () => {
    const viewer = viewerFor();
    const first = await done(methods.connectStatement(viewer, CAMT));
    expect(linesOf(first).filter(({ description }) => description === 'Coffee')).toHaveLength(2);
    expect(await done(methods.connectStatement(viewer, CAMT))).toEqual(first);
  });

  test('of another customer is that customer’s own payment method', async () => {
    const [one, other] = [viewerFor(), viewerFor()];
    const mine = await done(methods.connectStatement(one, CHECKING));
    const theirs = await done(methods.connectStatement(other, CHECKING));
    expect(theirs.id).not.toBe(mine.id);
    expect(amounts(theirs)).toEqual(amounts(mine));
  });
});

describe('syncPaymentMethod of a statement', () => {
  test('without a file answers what is known', async () => {
    const viewer = viewerFor();
    const method = await done(methods.connectStatement(viewer, CHECKING));
    expect(await done(methods.sync(viewer, method.id))).toEqual(method);
    expect(await methods.events(method.id)).toHaveLength(3);
  });

  test('refuses the file of another account, with the line that says so, and adds nothing', async () => {
    const viewer = viewerFor();
    const method = await done(methods.connectStatement(viewer, CHECKING));
    const others = [
      ['number', CHECKING_NEXT.replace('000123456789', '000123456780')],
      ['bank', CHECKING_NEXT.replace('011000015', '011000016')],
      ['kind', CHECKING_NEXT.replace('<ACCTTYPE>CHECKING', '<ACCTTYPE>SAVINGS')],
      ['currency', CHECKING_NEXT.replace('<CURDEF>USD', '<CURDEF>CAD')],
      ['format', CAMT],
    ] as const;
    for (const [what, file] of others) {
      const { paymentMethod, userErrors } = await methods.sync(viewer, method.id, file);
      expect([what, paymentMethod, userErrors]).toMatchObject([
        what,
        null,
        [{ code: 'STATEMENT_WRONG_ACCOUNT', message: expect.stringMatching(/^Line \d+: /) as unknown }],
      ]);
    }
    expect(await methods.list(viewer)).toEqual([method]);
  });

  test('refuses a broken file and leaves what was there', async () => {
    const viewer = viewerFor();
    const method = await done(methods.connectStatement(viewer, CHECKING));
    const cut = CHECKING_NEXT.slice(0, -200);
    expect(await refusalOf(methods.sync(viewer, method.id, cut))).toBe('STATEMENT_MALFORMED statement');
    expect(await methods.list(viewer)).toEqual([method]);
  });
});

describe('disconnectPaymentMethod', () => {
  test('ends the link once, and stays what it is when asked again', async () => {
    const viewer = viewerFor();
    const method = await done(methods.connectStatement(viewer, CHECKING));
    const ended = await done(methods.disconnect(viewer, method.id));
    expect(ended).toEqual({ ...method, isActive: false });
    expect(await done(methods.disconnect(viewer, method.id))).toEqual(ended);
    expect(await methods.list(viewer)).toEqual([ended]);
    const events = await methods.events(method.id);
    expect(events.slice(3)).toEqual([
      {
        type: 'PaymentMethodDisconnected',
        payload: { paymentMethodId: method.id, ownerId: viewer.userId, at: expect.any(String) },
      },
    ]);
    expect(await refusalOf(methods.sync(viewer, method.id))).toBe('PAYMENT_METHOD_DISCONNECTED id');
    expect(await refusalOf(methods.sync(viewer, method.id, CHECKING_NEXT))).toBe('PAYMENT_METHOD_DISCONNECTED id');
  });

  test('and a link anew is the same payment method with the lines it had', async () => {
    const viewer = viewerFor();
    const method = await done(methods.connectStatement(viewer, CHECKING));
    await done(methods.disconnect(viewer, method.id));
    const again = await done(methods.connectStatement(viewer, CHECKING, { label: 'Old bank' }));
    expect(again).toEqual({ ...method, label: 'Old bank' });
    const events = await methods.events(method.id);
    // The balance is told again: who follows the log may have forgotten it with the disconnection.
    expect(events.slice(4).map(({ type }) => type)).toEqual(['PaymentMethodConnected', 'PaymentMethodSynced']);
    expect(events[5]!.payload).toMatchObject({ balanceMinor: '193010', balanceAsOf: '2026-02-28T23:59:59.000Z' });
  });

  test('many times at once ends it once', async () => {
    const viewer = viewerFor();
    const { id } = await done(methods.connectStatement(viewer, CHECKING));
    await Promise.all(Array.from({ length: 6 }, () => done(methods.disconnect(viewer, id))));
    expect(await methods.events(id)).toHaveLength(4);
  });
});

describe('what connectPaymentMethod takes', () => {
  const statement = CHECKING;
  test.each([
    ['INVALID_LABEL label', { label: '' }],
    ['INVALID_LABEL label', { label: ' \n' }],
    ['INVALID_LABEL label', { label: 'x'.repeat(81) }],
    ['INVALID_LABEL label', { label: 'a\u0000b' }],
    ['EXACTLY_ONE_SOURCE statement', { statement: null }],
    ['EXACTLY_ONE_SOURCE statement', { token: '000123456789' }],
    ['EXACTLY_ONE_SOURCE statement', { statement: undefined, token: '000123456789' }],
    ['EXACTLY_ONE_SOURCE token', { provider: 'stripe', type: 'CARD', token: 'pm_1' }],
    ['EXACTLY_ONE_SOURCE token', { provider: 'stripe', type: 'CARD' }],
    ['EXACTLY_ONE_SOURCE token', { provider: 'stripe', type: 'CARD', statement: undefined }],
    ['WRONG_PAYMENT_METHOD_TYPE type', { type: 'CARD' }],
    ['WRONG_PAYMENT_METHOD_TYPE type', { provider: 'stripe', statement: undefined, token: 'pm_1' }],
    ['UNSUPPORTED_PROVIDER provider', { provider: 'paystack' }],
    ['UNSUPPORTED_PROVIDER provider', { provider: '' }],
    ['UNSUPPORTED_PROVIDER provider', { provider: 'constructor' }],
    ['UNSUPPORTED_PROVIDER provider', { provider: 'Statement' }],
    ['FEATURE_UNAVAILABLE type', { type: 'MOBILE_MONEY' }],
    ['FEATURE_UNAVAILABLE type', { type: 'CRYPTO_WALLET', provider: 'ethereum' }],
    ['FEATURE_UNAVAILABLE type', { type: 'APPLE_PAY', provider: 'stripe' }],
    ['FEATURE_UNAVAILABLE type', { type: 'GOOGLE_PAY', provider: 'stripe' }],
    // This world has nobody who keeps cards.
    ['FEATURE_UNAVAILABLE provider', { provider: 'stripe', type: 'CARD', statement: undefined, token: 'pm_1' }],
  ])('is refused with %s for %j', async (refusal, change) => {
    const viewer = viewerFor();
    expect(await refusalOf(methods.connectStatement(viewer, statement, change))).toBe(refusal);
    expect(await methods.list(viewer)).toEqual([]);
  });

  test('is bounded for a customer, not even the last are more when they come at once', async () => {
    const viewer = viewerFor();
    const file = (n: number) => CHECKING.replace('000123456789', `4000${n}`);
    for (let n = 0; n < MAX_PAYMENT_METHODS - 1; n++) await done(methods.connectStatement(viewer, file(n)));
    const last = await Promise.all([500, 501, 502].map((n) => methods.connectStatement(viewer, file(n))));
    expect(last.filter(({ paymentMethod }) => paymentMethod)).toHaveLength(1);
    expect(last.flatMap(({ userErrors }) => userErrors.map(({ code }) => code))).toEqual([
      'TOO_MANY_PAYMENT_METHODS',
      'TOO_MANY_PAYMENT_METHODS',
    ]);
    // What is linked already can still be imported.
    await done(methods.connectStatement(viewer, file(0)));
  });
});

test('a payment method that is full takes no line more, and none of the file', async () => {
  const viewer = viewerFor();
  const method = await done(methods.connectStatement(viewer, CHECKING));
  await world.database
    .pool('postgres')
    .query('UPDATE wallet.payment_method SET lines = $2 WHERE id = $1', [method.id, MAX_LINES_OF_METHOD - 1]);
  const answer = methods.sync(viewer, method.id, CHECKING_NEXT);
  expect(await refusalOf(answer)).toBe('TOO_MANY_EXTERNAL_TRANSACTIONS statement');
  expect(await methods.list(viewer)).toEqual([method]);
});

describe('another customer', () => {
  const REFERENCES = `query ($of: [_Any!]!) { _entities(representations: $of) {
    ... on PaymentMethod { id label externalTransactions { edges { cursor } } } ... on ExternalTransaction { id description } } }`;

  test('finds no payment method and no line by any id', async () => {
    const [owner, other] = [viewerFor(), viewerFor(undefined, ['ADMIN'])];
    const method = await done(methods.connectStatement(owner, CHECKING));
    const line = linesOf(method)[0]!;
    const of = [
      { __typename: 'PaymentMethod', id: method.id },
      { __typename: 'PaymentMethod', id: method.id.toUpperCase() },
      { __typename: 'ExternalTransaction', id: line.id },
      { __typename: 'PaymentMethod', id: line.id },
      { __typename: 'ExternalTransaction', id: 'no id' },
    ];
    const ask = async (viewer: Viewer | null) => {
      const { data, errors } = await world.execute<{ _entities: unknown[] }>(REFERENCES, { viewer, variables: { of } });
      expect(errors).toEqual([]);
      return data._entities;
    };
    expect(await ask(owner)).toMatchObject([{ id: method.id }, { id: method.id }, { id: line.id }, null, null]);
    expect(await ask(other)).toEqual([null, null, null, null, null]);
    expect(await ask(null)).toEqual([null, null, null, null, null]);
  });

  test('can neither sync nor disconnect it, and sees no difference to what is not there', async () => {
    const [owner, other] = [viewerFor(), viewerFor()];
    const method = await done(methods.connectStatement(owner, CHECKING));
    for (const id of [method.id, newId<PaymentMethodId>(), 'no id', '']) {
      expect(await refusalOf(methods.sync(other, id))).toBe('PAYMENT_METHOD_NOT_FOUND id');
      expect(await refusalOf(methods.sync(other, id, CHECKING_NEXT))).toBe('PAYMENT_METHOD_NOT_FOUND id');
      expect(await refusalOf(methods.disconnect(other, id))).toBe('PAYMENT_METHOD_NOT_FOUND id');
    }
    expect(await methods.list(owner)).toEqual([method]);
    expect(await methods.list(other)).toEqual([]);
  });

  test('sees no list of them through a reference to the person', async () => {
    const owner = viewerFor();
    await done(methods.connectStatement(owner, CHECKING));
    const query = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on User { paymentMethods { edges { cursor } } } } }`;
    const of = [{ __typename: 'User', id: owner.userId }];
    const { data } = await world.execute<unknown>(query, { viewer: viewerFor(), variables: { of } });
    expect(data).toEqual({ _entities: [{ paymentMethods: null }] });
  });

  test('who is nobody can do nothing', async () => {
    const operations = [
      `connectPaymentMethod(input: { type: CARD, provider: "stripe", token: "t" })`,
      `syncPaymentMethod(id: "7")`,
      `disconnectPaymentMethod(id: "7")`,
    ];
    for (const operation of operations) {
      const { errors } = await world.execute<unknown>(`mutation { ${operation} { paymentMethod { id } } }`);
      expect(errors).toMatchObject([{ code: 'UNAUTHENTICATED' }]);
    }
  });
});

describe('pages', () => {
  interface Page {
    edges: { cursor: string; node: { id: string } }[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
  }
  const METHODS = `query ($first: Int, $after: String) { me { paymentMethods(first: $first, after: $after) {
    edges { cursor node { id } } pageInfo { hasNextPage endCursor } } } }`;
  const LINES = `query ($of: [_Any!]!, $first: Int, $after: String) { _entities(representations: $of) { ... on PaymentMethod {
    externalTransactions(first: $first, after: $after) { edges { cursor node { id } } pageInfo { hasNextPage endCursor } } } } }`;

  async function methodsPage(viewer: Viewer, variables: object) {
    const { data, errors } = await world.execute<{ me: { paymentMethods: Page } }>(METHODS, {
      viewer,
      variables: { ...variables },
    });
    return { page: data?.me.paymentMethods, codes: errors.map(({ code }) => code) };
  }
  async function linesPage(viewer: Viewer, id: string, variables: object) {
    const of = [{ __typename: 'PaymentMethod', id }];
    const { data, errors } = await world.execute<{ _entities: { externalTransactions: Page }[] }>(LINES, {
      viewer,
      variables: { of, ...variables },
    });
    return { page: data?._entities[0]?.externalTransactions, codes: errors.map(({ code }) => code) };
  }
  async function readAll(read: (after: string | null) => Promise<{ page: Page | undefined; codes: unknown[] }>) {
    const ids: string[] = [];
    for (let after: string | null = null; ;) {
      const { page, codes } = await read(after);
      expect(codes).toEqual([]);
      ids.push(...page!.edges.map(({ node }) => node.id));
      if (!page!.pageInfo.hasNextPage) return ids;
      after = page!.pageInfo.endCursor;
    }
  }

  test('of payment methods come oldest first and none is missed while more are linked', async () => {
    const viewer = viewerFor();
    const made: string[] = [];
    const link = async (n: number) =>
      made.push((await done(methods.connectStatement(viewer, CHECKING.replace('000123456789', `5000${n}`)))).id);
    for (let n = 0; n < 5; n++) await link(n);
    let more = 5;
    const ids = await readAll(async (after) => {
      if (more < 8) await link(more++);
      return methodsPage(viewer, { first: 2, after });
    });
    expect(ids).toEqual(made);
  });

  test('of lines come newest first, and lines imported meanwhile neither shift nor repeat them', async () => {
    const viewer = viewerFor();
    const { id } = await done(methods.connectStatement(viewer, CHECKING));
    const before = await readAll((after) => linesPage(viewer, id, { first: 100, after }));
    let imported = false;
    const ids = await readAll(async (after) => {
      if (after && !imported) imported = Boolean(await done(methods.sync(viewer, id, CHECKING_NEXT)));
      return linesPage(viewer, id, { first: 2, after });
    });
    expect(ids).toEqual(before);
  });

  test('have 1 to 100 rows, and cursors of their own list only', async () => {
    const viewer = viewerFor();
    const one = await done(methods.connectStatement(viewer, CHECKING));
    const two = await done(methods.connectStatement(viewer, CAMT));
    for (const first of [0, -1, 101]) {
      expect((await methodsPage(viewer, { first })).codes).toEqual(['INVALID_PAGE_SIZE']);
      expect((await linesPage(viewer, one.id, { first })).codes).toEqual(['INVALID_PAGE_SIZE']);
    }
    const lineCursor = (await linesPage(viewer, one.id, { first: 1 })).page!.pageInfo.endCursor;
    const methodCursor = (await methodsPage(viewer, { first: 1 })).page.pageInfo.endCursor;
    expect((await linesPage(viewer, one.id, { after: lineCursor })).page!.edges).toHaveLength(4);
    expect((await linesPage(viewer, two.id, { after: lineCursor })).codes).toEqual(['INVALID_CURSOR']);
    expect((await linesPage(viewer, one.id, { after: methodCursor })).codes).toEqual(['INVALID_CURSOR']);
    expect((await methodsPage(viewer, { after: lineCursor })).codes).toEqual(['INVALID_CURSOR']);
    expect((await methodsPage(viewerFor(), { after: methodCursor })).codes).toEqual(['INVALID_CURSOR']);
    expect((await methodsPage(viewer, { after: 'bm8=' })).codes).toEqual(['INVALID_CURSOR']);
  });

  test('cost the same few statements however many there are', async () => {
    const cost = async (linked: number) => {
      const viewer = viewerFor();
      for (let n = 0; n < linked; n++) {
        await done(methods.connectStatement(viewer, CHECKING.replace('000123456789', `6000${n}`)));
      }
      const before = world.statements();
      const all = await methods.list(viewer);
      expect(all.map((method) => amounts(method).length)).toEqual(Array.from({ length: linked }, () => 5));
      return world.statements() - before;
    };
    expect([await cost(1), await cost(7)]).toEqual([2, 2]);
  });
});
