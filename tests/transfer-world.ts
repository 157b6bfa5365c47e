import { readFileSync } from 'node:fs';
import type { ExecutionResult } from 'graphql';
import type pg from 'pg';
import { openAccount, systemAccount } from '../ledger/accounts.ts';
import { balances } from '../ledger/balances.ts';
import { postEntry } from '../ledger/post.ts';
import { emailHash } from '../platform/email-hash.ts';
import { runListeners } from '../platform/event-listeners.ts';
import { appendEvents } from '../platform/event-log.ts';
import { createEventTail } from '../platform/event-tail.ts';
import type { AccountKind } from '../platform/events.ts';
import { newId, type AccountId, type PaymentMethodId, type UserId } from '../platform/ids.ts';
import { createLog } from '../platform/log.ts';
import { parseAmount } from '../platform/money.ts';
import type { Assessment, AssessTransferQuestion } from '../platform/questions/assess-transfer.ts';
import { createRateLimits } from '../platform/rate-limits.ts';
import type { Rates } from '../platform/rates.ts';
import type { SubgraphDeps } from '../platform/subgraph-deps.ts';
import { serveSubgraph } from '../platform/subgraph-server.ts';
import type { SubgraphEvent, SubgraphRequest } from '../platform/subgraph.ts';
import type { Viewer } from '../platform/viewer.ts';
import { createLocalWakeUp } from '../platform/wake-up.ts';
import type { CardProvider } from '../providers/card-provider.ts';
import type { ProviderRegistry } from '../providers/registry.ts';
import type { PosterLimits } from '../subgraphs/transfer/poster.ts';
import { createTransferSubgraph } from '../subgraphs/transfer/subgraph.ts';
import { expectBooksOk } from './books.ts';
import { createTestDatabase } from './database.ts';

/** A customer of a test, and the viewer that the gateway would have proved. */
export interface Customer {
  userId: UserId;
  email: string;
  viewer: Viewer;
}

/** The transfer subgraph, served, on a database of its own, with the real ledger, poster, listeners and event log. */
export interface TransferWorld {
  admin: pg.Pool;
  /** What risk answers from now on; a promise that never resolves is a risk that hangs. */
  risk: {
    answer(question: AssessTransferQuestion, signal: AbortSignal): Promise<unknown>;
    asked: AssessTransferQuestion[];
  };
  /** Replaces parts of what the subgraph is wired with, for faults that do not come by themselves. */
  faults: {
    listenersCaughtUp: SubgraphDeps['listenersCaughtUp'] | null;
    /** How far the process's clock is ahead of the right time; money must not care. */
    clockAheadMs: number;
  };
  /** Registers, and waits until transfer has heard of it unless `unheard`. */
  customer(displayName: string, options?: { unheard?: boolean }): Promise<Customer>;
  account(owner: Customer, currency?: string, options?: { kind?: AccountKind; funds?: string }): Promise<AccountId>;
  fund(accountId: AccountId, amount: string, currency?: string): Promise<void>;
  /** Links a payment method as wallet does; transfer has heard of it unless `unheard`. A reference of null is one that cannot be charged. */
  link(owner: Customer, options?: { reference?: string | null; unheard?: boolean }): Promise<PaymentMethodId>;
  unlink(owner: Customer, paymentMethodId: PaymentMethodId): Promise<void>;
  fundMinor(accountId: AccountId, amountMinor: bigint, currency: string): Promise<void>;
  /** Records a day of rates as portfolio does; transfer has heard of it unless `unheard`. */
  recordRates(rates: Rates, options?: { unheard?: boolean }): Promise<void>;
  setStatus(accountId: AccountId, status: 'ACTIVE' | 'FROZEN' | 'CLOSED'): Promise<void>;
  /** The posted balance in minor units. */
  balance(accountId: AccountId): Promise<bigint>;
  /** From a device of the customer's, unless another is named. */
  execute(
    as: Customer | null,
    query: string,
    variables?: Record<string, unknown>,
    deviceId?: string,
  ): Promise<ExecutionResult>;
  subscribe(
    as: Customer | null,
    query: string,
    variables: Record<string, unknown>,
  ): AsyncIterableIterator<SubgraphEvent>;
  /** How many rows say that something happened. */
  stored(): Promise<Record<string, number>>;
  /** Wakes the readers of the event log, as every commit by production code does. */
  wake(): void;
  /** Proves the books, and that transfers and books say the same. */
  proveBooks(): Promise<void>;
  /** Ends the subgraph's poster and store but not the world: what comes afterwards is refused. */
  stopPoster(): Promise<void>;
  /** Connects as transfer does for its jobs. */
  jobsPool(): pg.Pool;
  close(): Promise<void>;
}

export const ALLOW: Assessment = {
  score: 7,
  level: 'LOW',
  decision: 'ALLOW',
  factors: [{ name: 'amount', score: 7, weight: '1', reason: 'An everyday amount.' }],
  assessedAt: '2026-01-01T00:00:00.000Z',
  spending: null,
  evidence: {},
};

const COUNTS = `SELECT
  (SELECT count(*)::int FROM ledger.entry) AS entries, (SELECT count(*)::int FROM ledger.posting) AS postings,
  (SELECT count(*)::int FROM ledger.balance_changes) AS versions, (SELECT count(*)::int FROM transfer.transfer) AS transfers,
  (SELECT count(*)::int FROM transfer.idempotency_key) AS keys, (SELECT count(*)::int FROM platform.event) AS events`;

/**
 * `posterLimits` are for worlds whose poster is to be busy; with `cards` jobs charge them. Exchanges take rates of any age unless
 * `exchangeMaxAgeDays` is given.
 */
export async function openTransferWorld({
  posterLimits,
  cards = null,
  payouts = null,
  exchangeMaxAgeDays = null,
}: {
  posterLimits?: Partial<PosterLimits>;
  cards?: CardProvider | null;
  payouts?: ProviderRegistry | null;
  exchangeMaxAgeDays?: number | null;
} = {}): Promise<TransferWorld> {
  const database = await createTestDatabase();
  const log = createLog('silent');
  const pool = database.pool('dwaybank_transfer', { max: 12 });
  const admin = database.pool('postgres', { max: 4 });
  const ledger = database.pool('dwaybank_ledger', { max: 4 });
  const wallet = database.pool('dwaybank_wallet', { max: 4 });
  const wakeUp = createLocalWakeUp(log);
  const tail = await createEventTail({ pool, wakeUp, log });
  const limits = createRateLimits({ redisUrl: null, log });
  const risk: TransferWorld['risk'] = { answer: async () => ALLOW, asked: [] };
  const faults: TransferWorld['faults'] = { listenersCaughtUp: null, clockAheadMs: 0 };

  const subgraph = createTransferSubgraph({
    pool,
    postingPool: pool,
    jobsPool: database.pool('dwaybank_transfer', { max: 4 }),
    bulkJobsPool: database.pool('dwaybank_transfer', { max: 4 }),
    cards,
    payouts,
    webhooks: [],
    settlements: [],
    exchangeMaxAgeDays,
    outsideAddresses: 'ANY',
    secrets: database.secrets,
    wakeUp,
    tail,
    clock: { now: () => new Date(Date.now() + faults.clockAheadMs) },
    log,
    limits,
    posterLimits: posterLimits ?? {},
    ask: async (_subgraph, _question, body, signal) => {
      // The one question transfer asks.
      const question = body as AssessTransferQuestion;
      risk.asked.push(question);
      return risk.answer(question, signal);
    },
    listenersCaughtUp: (name, signal) => (faults.listenersCaughtUp ?? listeners.caughtUp)(name, signal),
  });
  const listeners = runListeners({ pool, wakeUp, log }, subgraph.listeners);
  await subgraph.start!();
  const served = serveSubgraph(subgraph, { commonTypeDefs: readFileSync('schema/common.graphql', 'utf8'), log });

  const request = (
    as: Customer | null,
    query: string,
    variables: Record<string, unknown>,
    deviceId = 'device-1',
  ): SubgraphRequest => ({
    query,
    variables,
    caller: { viewer: as?.viewer ?? null, origin: { ip: '192.0.2.1', deviceId }, requestId: 'test' },
    signal: new AbortController().signal,
  });

  let openedMs = 0;
  const world: TransferWorld = {
    admin,
    risk,
    faults,
    async customer(displayName, { unheard = false } = {}) {
      const userId = newId<UserId>();
      const email = `${displayName.toLowerCase().replaceAll(/\W/g, '-')}.${userId}@example.com`;
      const payload = { userId, displayName, emailHash: emailHash(database.secrets, email) };
      await appendEvents(pool, [{ type: 'UserRegistered', key: userId, payload }]);
      if (!unheard) await listeners.caughtUp('transfer.payees', AbortSignal.timeout(20_000));
      const viewer: Viewer = { userId, sessionId: newId(), roles: ['CUSTOMER'], expiresAtMs: Number.MAX_SAFE_INTEGER };
      return { userId, email, viewer };
    },
    async account(owner, currency = 'USD', { kind = 'PERSONAL', funds } = {}) {
      // A millisecond of its own: which of two accounts is the older is told by their ids.
      openedMs = Math.max(openedMs + 1, Date.now());
      const id = newId<AccountId>(openedMs);
      await openAccount(wallet, { id, ownerId: owner.userId, currency, kind });
      if (funds) await world.fund(id, funds, currency);
      return id;
    },
    async link(owner, { reference = 'card', unheard = false } = {}) {
      const paymentMethodId = newId<PaymentMethodId>();
      const payload = {
        paymentMethodId,
        ownerId: owner.userId,
        type: 'CARD' as const,
        provider: 'stripe',
        label: 'Visa •••• 4242',
        reference,
        at: new Date().toISOString(),
      };
      await appendEvents(pool, [{ type: 'PaymentMethodConnected', key: paymentMethodId, payload }]);
      if (!unheard) await listeners.caughtUp('transfer.payment-methods', AbortSignal.timeout(20_000));
      return paymentMethodId;
    },
    async unlink(owner, paymentMethodId) {
      const payload = { paymentMethodId, ownerId: owner.userId, at: new Date().toISOString() };
      await appendEvents(pool, [{ type: 'PaymentMethodDisconnected', key: paymentMethodId, payload }]);
      await listeners.caughtUp('transfer.payment-methods', AbortSignal.timeout(20_000));
    },
    fund: (accountId, amount, currency = 'USD') => world.fundMinor(accountId, parseAmount(amount, currency), currency),
    async fundMinor(accountId, amountMinor, currency) {
      const verdict = await postEntry(ledger, {
        id: newId(),
        kind: 'FUNDING',
        transferId: null,
        description: null,
        legs: [
          {
            accountId: await systemAccount(ledger, 'SETTLEMENT', currency),
            currency,
            amountMinor: -amountMinor,
            lineType: 'DEPOSIT',
            counterparty: null,
          },
          { accountId, currency, amountMinor, lineType: 'DEPOSIT', counterparty: null },
        ],
      });
      if (!verdict.posted) throw new Error(verdict.refusal);
    },
    async recordRates(rates, { unheard = false } = {}) {
      const payload = { ...rates, source: 'test' };
      await appendEvents(pool, [{ type: 'RatesRecorded', key: rates.date, payload }]);
      if (!unheard) await listeners.caughtUp('transfer.rates', AbortSignal.timeout(20_000));
    },
    async setStatus(accountId, status) {
      await admin.query('UPDATE ledger.account SET status = $2 WHERE id = $1', [accountId, status]);
    },
    async balance(accountId) {
      return (await balances(ledger, [accountId])).get(accountId)!.postedMinor;
    },
    execute: (as, query, variables = {}, deviceId) => served.transport.execute(request(as, query, variables, deviceId)),
    subscribe: (as, query, variables) => served.transport.subscribe(request(as, query, variables)),
    async stored() {
      return (await admin.query<Record<string, number>>(COUNTS)).rows[0]!;
    },
    wake: () => wakeUp.signal(),
    proveBooks: () => expectBooksOk(admin),
    stopPoster: () => subgraph.stop(),
    jobsPool: () => pool,
    async close() {
      await listeners.stop();
      await subgraph.stop();
      await tail.close();
      await wakeUp.close();
      await limits.close();
      await database.drop();
    },
  };
  return world;
}
