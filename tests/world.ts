import type pg from 'pg';
import { fundAccount } from '../bank/fund-account.ts';
import { connectProviders } from '../bank/providers.ts';
import { runSubgraphs } from '../bank/run-subgraphs.ts';
import { runGateway } from '../gateway/run-gateway.ts';
import { readConfig } from '../platform/config.ts';
import type { AccountId, PaymentMethodId } from '../platform/ids.ts';
import { createLog } from '../platform/log.ts';
import { parseAmount } from '../platform/money.ts';
import type { UserError } from '../platform/refusal.ts';
import { SUBGRAPH_NAMES, type SubgraphName, type SubgraphTransport } from '../platform/subgraph.ts';
import { createWakeUp } from '../platform/wake-up.ts';
import type { StripeSimulator } from '../providers/simulators/stripe/stripe-simulator.ts';
import { createStripeCards } from '../providers/stripe/stripe-cards.ts';
import { NO_PROVIDERS, type Providers } from '../providers/providers.ts';
import { expectBooksOk } from './books.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { follow, type Follower } from './follower.ts';
import { startTestSimulators, type TestSimulators } from './simulators.ts';
import { startTestStripe, type TestStripe } from './stripe.ts';

/** What a client got for one HTTP request. */
export interface Answer {
  status: number;
  data: Record<string, unknown> | null | undefined;
  errors: { message: string; path?: unknown[]; extensions: { code: string; requestId?: string } }[] | undefined;
}

/** A customer with a session, who talks to the bank as an app does: over HTTP and graphql-ws, through a gateway. */
export interface Person {
  email: string;
  displayName: string;
  userId: string;
  accessToken: string;
  refreshToken: string;
}

/** How one request is sent. */
export interface Sending {
  /** Null sends no token. */
  as?: Person | { accessToken: string } | null;
  /** Which gateway, 0 unless given. */
  gateway?: number;
}

export interface TransferPayload {
  transfer: { id: string; status: string } | null;
  replayed: boolean;
  userErrors: UserError[];
}

/**
 * The whole bank on free ports and a database of its own: each gateway stands before six subgraphs of its own, so that two of
 * them share nothing but Postgres (and Redis, where given), as two processes would. Nothing in it is simulated but Stripe, where
 * a test asks for cards.
 */
export interface World {
  database: TestDatabase;
  admin: pg.Pool;
  /** The base URL of each gateway. */
  urls: string[];
  /** Moves the bank's clock against the real one. It rules sessions and tokens; money keeps the database's clock. */
  clock: { offsetMs: number };
  /** Sends a body as it is. */
  post(body: string, sending?: Sending & { headers?: Record<string, string> }): Promise<Response>;
  send(query: string, variables: Record<string, unknown>, sending?: Sending): Promise<Answer>;
  /** Sends what must succeed; `Data` is what the test knows of the answer's shape. */
  ask<Data>(query: string, variables: Record<string, unknown>, sending?: Sending): Promise<Data>;
  /** Follows a subscription; `Data` as with `ask`. */
  follow<Data = Record<string, unknown>>(
    query: string,
    variables: Record<string, unknown>,
    sending?: Sending,
  ): Follower<Data>;
  register(displayName?: string): Promise<Person>;
  openAccount(owner: Person, currency?: string, funds?: string): Promise<AccountId>;
  fund(accountId: string, amount: string, currency?: string): Promise<void>;
  /** The simulator that cards are charged by; only in a world with cards. */
  stripe(): StripeSimulator;
  /** All simulators; only in a world with payouts. */
  simulators(): TestSimulators;
  /** Links the card behind one of Stripe's test tokens. */
  linkCard(owner: Person, token?: string): Promise<PaymentMethodId>;
  transfer(from: Person, input: Record<string, unknown>, gateway?: number): Promise<TransferPayload>;
  /** The posted balance and its version, as the books have them. */
  booked(accountId: string): Promise<{ posted: string; version: number }>;
  /** Ends one bank (gateway and subgraphs) and starts it again, on another port. */
  restart(gateway: number): Promise<void>;
  /** Proves the books and removes everything. */
  close(): Promise<void>;
}

const PASSWORD = 'correct horse battery staple';
const AUTH = 'user { id } tokens { accessToken refreshToken } userErrors { code }';

export interface WorldOptions {
  gateways?: number;
  redisUrl?: string | null;
  /** Whether cards can be linked and charged, by the simulator of Stripe. */
  cards?: boolean;
  /** Whether all outside companies are there, each by its simulator: cards and payouts. Their webhooks go to the first bank. */
  payouts?: boolean;
}

/** Starts `gateways` banks on one new database. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const { gateways = 1, redisUrl = null, cards = false, payouts = false } = options;
  const database = await createTestDatabase();
  const simulators = payouts ? await startTestSimulators() : null;
  const stripe = cards && !payouts ? await startTestStripe() : null;
  const admin = database.pool('postgres', { max: 4 });
  const clock = { offsetMs: 0 };
  const startBank = () => runTestBank(database, { redisUrl, clock, stripe, simulators });
  const banks: Bank[] = [];
  for (let n = 0; n < gateways; n++) banks.push(await startBank());
  const urls = banks.map(({ url }) => url);
  simulators?.sendWebhooksTo(urls[0]!);
  const ledger = database.pool('dwaybank_ledger', { max: 2 });
  let people = 0;
  let keys = 0;

  const headersOf = ({ as }: Sending): Record<string, string> =>
    as ? { authorization: `Bearer ${as.accessToken}` } : {};
  const world: World = {
    database,
    admin,
    urls,
    clock,
    post: (body, { headers, ...sending } = {}) =>
      fetch(`${urls[sending.gateway ?? 0]!}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headersOf(sending), ...headers },
        body,
      }),
    async send(query, variables, sending) {
      const response = await world.post(JSON.stringify({ query, variables }), sending);
      // The gateway answers in JSON whatever happens; that it does is tested elsewhere.
      return { status: response.status, ...((await response.json()) as Omit<Answer, 'status'>) };
    },
    async ask<Data>(query: string, variables: Record<string, unknown>, sending?: Sending) {
      const answer = await world.send(query, variables, sending);
      if (answer.errors) throw new Error(JSON.stringify(answer.errors));
      return answer.data as Data;
    },
    follow: <Data>(query: string, variables: Record<string, unknown>, { as, gateway = 0 }: Sending = {}) =>
      follow<Data>(`${urls[gateway]!.replace('http', 'ws')}/graphql`, {
        token: as?.accessToken ?? null,
        query,
        variables,
      }),
    async register(displayName = 'Somebody') {
      const email = `person-${++people}@example.com`;
      const { register } = await world.ask<{ register: AuthAnswer }>(
        `mutation ($input: RegisterInput!) { register(input: $input) { ${AUTH} } }`,
        { input: { email, password: PASSWORD, displayName } },
      );
      return { email, displayName, userId: register.user.id, ...register.tokens };
    },
    async openAccount(owner, currency = 'USD', funds) {
      const { openAccount } = await world.ask<{ openAccount: { account: { id: AccountId } } }>(
        'mutation ($input: OpenAccountInput!) { openAccount(input: $input) { account { id } userErrors { code } } }',
        { input: { currency, name: 'Everyday' } },
        { as: owner },
      );
      if (funds) await world.fund(openAccount.account.id, funds, currency);
      return openAccount.account.id;
    },
    async fund(accountId, amount, currency = 'USD') {
      const money = { amountMinor: parseAmount(amount, currency), currency };
      await fundAccount(ledger, { accountId: accountId as AccountId, money });
      for (const bank of banks) bank.signal();
    },
    stripe() {
      const simulator = simulators?.stripe ?? stripe?.simulator;
      if (!simulator) throw new Error('this world has no cards');
      return simulator;
    },
    simulators() {
      if (!simulators) throw new Error('this world has no payouts');
      return simulators;
    },
    async linkCard(owner, token = 'pm_card_visa') {
      const { connectPaymentMethod: answer } = await world.ask<{
        connectPaymentMethod: { paymentMethod: { id: PaymentMethodId } | null; userErrors: UserError[] };
      }>(
        `mutation ($input: ConnectPaymentMethodInput!) {
           connectPaymentMethod(input: $input) { paymentMethod { id } userErrors { code message } } }`,
        { input: { type: 'CARD', provider: 'stripe', token } },
        { as: owner },
      );
      if (!answer.paymentMethod) throw new Error(JSON.stringify(answer.userErrors));
      return answer.paymentMethod.id;
    },
    async transfer(from, input, gateway = 0) {
      const { createTransfer } = await world.ask<{ createTransfer: TransferPayload }>(
        `mutation ($input: CreateTransferInput!) {
           createTransfer(input: $input) { transfer { id status } replayed userErrors { code field retryable } } }`,
        { input: { idempotencyKey: `key-${++keys}`, ...input } },
        { as: from, gateway },
      );
      return createTransfer;
    },
    async booked(accountId) {
      const { rows } = await admin.query<{ posted: string; version: string }>(
        'SELECT posted, version FROM ledger.account WHERE id = $1',
        [accountId],
      );
      return { posted: rows[0]!.posted, version: Number(rows[0]!.version) };
    },
    async restart(gateway) {
      await banks[gateway]!.stop();
      banks[gateway] = await startBank();
      urls[gateway] = banks[gateway].url;
      if (gateway === 0) simulators?.sendWebhooksTo(urls[0]!);
    },
    async close() {
      await Promise.all(banks.map((bank) => bank.stop()));
      await stripe?.close();
      await simulators?.close();
      await expectBooksOk(admin);
      await database.drop();
    },
  };
  return world;
}

interface AuthAnswer {
  user: { id: string };
  tokens: { accessToken: string; refreshToken: string };
}

interface Bank {
  url: string;
  /** Wakes its readers of the event log, as a commit by one of its own parts would. */
  signal(): void;
  stop(): Promise<void>;
}

interface TestBankOptions {
  redisUrl: string | null;
  clock: World['clock'];
  stripe: TestStripe | null;
  simulators: TestSimulators | null;
}

/** One bank, wired as bank/run-bank.ts wires it. */
async function runTestBank(
  database: TestDatabase,
  { redisUrl, clock, stripe, simulators }: TestBankOptions,
): Promise<Bank> {
  const log = createLog(process.env['TEST_LOG_LEVEL'] ?? 'silent');
  const config = readConfig({
    NODE_ENV: 'test',
    PORT: '0',
    ...(redisUrl && { REDIS_URL: redisUrl }),
    ...simulators?.environment,
  });
  const wakeUp = createWakeUp({ redisUrl, log });
  const shared = {
    config,
    databaseUrl: database.adminUrl,
    secrets: database.secrets,
    wakeUp,
    clock: { now: () => new Date(Date.now() + clock.offsetMs) },
    log,
  };
  const providers: Providers = simulators
    ? connectProviders(config)
    : {
        ...NO_PROVIDERS,
        cards: stripe && createStripeCards({ secretKey: stripe.secretKey, url: stripe.simulator.url }),
      };
  const subgraphs = await runSubgraphs({ ...shared, providers, names: SUBGRAPH_NAMES });
  // Object.fromEntries loses the names' type; they are all there by construction.
  const transports = Object.fromEntries(SUBGRAPH_NAMES.map((name) => [name, subgraphs.transport(name)])) as Record<
    SubgraphName,
    SubgraphTransport
  >;
  const gateway = await runGateway({ ...shared, transports });
  return {
    url: gateway.url,
    signal: () => wakeUp.signal(),
    async stop() {
      await gateway.close();
      await subgraphs.stop();
      await providers.payouts?.close();
      await wakeUp.close();
    },
  };
}
