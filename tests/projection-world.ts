import type pg from 'pg';
import { runListeners } from '../platform/event-listeners.ts';
import { appendEvents, type NewEvent } from '../platform/event-log.ts';
import type { BalanceChange } from '../platform/events.ts';
import { newId, type AccountId, type EntryId, type PostingId, type TransferId, type UserId } from '../platform/ids.ts';
import type { Rates } from '../platform/rates.ts';
import type { SubgraphDeps } from '../platform/subgraph-deps.ts';
import type { Subgraph } from '../platform/subgraph.ts';
import { createTestDatabase } from './database.ts';
import { startOneSubgraph, type OneSubgraph } from './one-subgraph.ts';
import { quietLog } from './event-log-world.ts';

/** One subgraph that lives on events, served on a database of its own with its listeners running. */
export interface ProjectionWorld extends OneSubgraph<Subgraph> {
  admin: pg.Pool;
  /** Appends events, in one transaction, and waits until the subgraph has handled them unless `unheard`. */
  append(events: NewEvent[], options?: { unheard?: boolean }): Promise<void>;
  caughtUp(): Promise<void>;
  close(): Promise<void>;
}

export async function openProjectionWorld(
  name: 'risk' | 'portfolio' | 'insights',
  create: (deps: SubgraphDeps) => Subgraph,
  overrides: Partial<SubgraphDeps> = {},
): Promise<ProjectionWorld> {
  const database = await createTestDatabase();
  const role = `dwaybank_${name}`;
  const one = await startOneSubgraph(database, role, create, {
    listenersCaughtUp: (listener, signal) => listeners.caughtUp(listener, signal),
    ...overrides,
  });
  const pool = database.pool(role);
  const listeners = runListeners({ pool, wakeUp: one.deps.wakeUp, log: quietLog, pollMs: 20 }, one.subgraph.listeners);
  const world: ProjectionWorld = {
    ...one,
    admin: database.pool('postgres'),
    async append(events, { unheard = false } = {}) {
      await appendEvents(pool, events);
      one.deps.wakeUp.signal();
      if (!unheard) await world.caughtUp();
    },
    async caughtUp() {
      for (const listener of one.subgraph.listeners) {
        await listeners.caughtUp(listener.name, AbortSignal.timeout(20_000));
      }
    },
    async close() {
      await listeners.stop();
      await one.stop();
      await database.drop();
    },
  };
  return world;
}

/** A customer account of a test, with the balance its events have led to. */
export interface EventAccount {
  id: AccountId;
  ownerId: UserId;
  currency: string;
  version: number;
  postedMinor: bigint;
}

export function eventAccount(ownerId: UserId, currency = 'USD'): EventAccount {
  return { id: newId<AccountId>(), ownerId, currency, version: 0, postedMinor: 0n };
}

export function accountOpened({ id, ownerId, currency }: EventAccount, at: Date = new Date()): NewEvent {
  const payload = { accountId: id, ownerId, currency, kind: 'PERSONAL' as const, at: at.toISOString() };
  return { type: 'AccountOpened', key: id, payload };
}

export interface Leg {
  account: EventAccount;
  amountMinor: bigint;
  lineType: string;
  postingId?: PostingId;
  description?: string;
  counterparty?: string;
}

/** An entry as the ledger tells of it. Moves the accounts' balances on. */
export function entryPosted(legs: Leg[], at: Date = new Date()): NewEvent<'EntryPosted'> {
  const changes = legs.map(
    ({ account, amountMinor, lineType, postingId, description, counterparty }): BalanceChange => {
      account.version += 1;
      account.postedMinor += amountMinor;
      return {
        accountId: account.id,
        ownerId: account.ownerId,
        currency: account.currency,
        version: account.version,
        posted: account.postedMinor.toString(),
        held: '0',
        overdraft: '0',
        at: at.toISOString(),
        postingId: postingId ?? newId<PostingId>(),
        amountMinor: amountMinor.toString(),
        lineType,
        counterparty: counterparty ?? null,
        description: description ?? null,
      };
    },
  );
  const entryId = newId<EntryId>();
  return { type: 'EntryPosted', key: entryId, payload: { entryId, transferId: null, kind: 'TRANSFER', changes } };
}

/** A completed transfer as transfer tells of it. */
export function transferCompleted(options: {
  transferId?: TransferId;
  senderId: UserId;
  recipientId: UserId;
  amountMinor: bigint;
  currency?: string;
  at?: Date;
}): NewEvent<'TransferCompleted'> {
  const {
    transferId = newId<TransferId>(),
    senderId,
    recipientId,
    amountMinor,
    currency = 'USD',
    at = new Date(),
  } = options;
  return {
    type: 'TransferCompleted',
    key: transferId,
    payload: {
      transferId,
      type: 'INTERNAL',
      senderId,
      recipientId,
      sourceAccountId: newId<AccountId>(),
      destinationAccountId: newId<AccountId>(),
      amountMinor: amountMinor.toString(),
      currency,
      destinationAmountMinor: amountMinor.toString(),
      destinationCurrency: currency,
      at: at.toISOString(),
    },
  };
}

/** A day of exchange rates as portfolio tells of it. */
export function ratesRecorded(rates: Rates): NewEvent<'RatesRecorded'> {
  return { type: 'RatesRecorded', key: rates.date, payload: { ...rates, source: 'test' } };
}
