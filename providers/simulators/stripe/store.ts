import { randomBytes } from 'node:crypto';
import type { Answer } from './answers.ts';
import { openJournal, type Journal } from '../journal.ts';
import { transactionsOf } from './balance-transactions.ts';
import { eventsOf } from './events.ts';

/** The simulator's objects, in Stripe's own form as far as anybody here reads them. */
export interface Customer {
  id: string;
  object: 'customer';
  created: number;
  metadata: Record<string, string>;
}

export interface PaymentMethod {
  id: string;
  object: 'payment_method';
  created: number;
  type: 'card';
  customer: string | null;
  card: { brand: string; last4: string; exp_month: number; exp_year: number; funding: string };
  /** The test token behind it: what its issuer will say. Not part of Stripe's form. */
  token: string;
  /** Charged or given back without belonging to a customer: not to be used again. Not part of Stripe's form. */
  spent: boolean;
}

export interface PaymentIntent {
  id: string;
  object: 'payment_intent';
  created: number;
  amount: number;
  amount_received: number;
  currency: string;
  customer: string | null;
  payment_method: string | null;
  latest_charge: string | null;
  last_payment_error: unknown;
  next_action: unknown;
  canceled_at: number | null;
  cancellation_reason: string | null;
  setup_future_usage: string | null;
  status:
    'succeeded' | 'processing' | 'requires_action' | 'requires_payment_method' | 'requires_confirmation' | 'canceled';
  metadata: Record<string, string>;
}

export interface SetupIntent {
  id: string;
  object: 'setup_intent';
  created: number;
  customer: string | null;
  payment_method: string | null;
  usage: string;
  status: 'succeeded' | 'requires_action' | 'requires_payment_method' | 'requires_confirmation';
  metadata: Record<string, string>;
}

export interface Charge {
  id: string;
  object: 'charge';
  created: number;
  amount: number;
  currency: string;
  customer: string | null;
  payment_intent: string;
  payment_method: string;
  paid: boolean;
  amount_refunded: number;
  status: 'succeeded' | 'pending' | 'failed';
  failure_code: string | null;
  failure_message: string | null;
  metadata: Record<string, string>;
}

export interface Payout {
  id: string;
  object: 'payout';
  created: number;
  amount: number;
  arrival_date: number;
  automatic: boolean;
  currency: string;
  description: string | null;
  destination: string;
  failure_balance_transaction: string | null;
  failure_code: string | null;
  failure_message: string | null;
  metadata: Record<string, string>;
  method: 'instant' | 'standard';
  statement_descriptor: string | null;
  status: 'pending' | 'in_transit' | 'paid' | 'failed' | 'canceled';
  /** What happens to it next and when (milliseconds); null: nothing by itself. Not part of Stripe's form. */
  next: { at: number; steps: PayoutStep[] } | null;
}

/** A step that a payout takes by itself. */
export type PayoutStep = { status: 'in_transit' | 'paid' } | { status: 'failed'; code: string; message: string };

export interface Refund {
  id: string;
  object: 'refund';
  created: number;
  amount: number;
  charge: string;
  currency: string;
  failure_balance_transaction: string | null;
  failure_reason: string | null;
  metadata: Record<string, string>;
  payment_intent: string;
  reason: string | null;
  status: 'pending' | 'requires_action' | 'succeeded' | 'failed' | 'canceled';
  /** As of a payout. Not part of Stripe's form. */
  next: { at: number; steps: RefundStep[] } | null;
}

/** A step that a refund takes by itself. */
export type RefundStep = { status: 'succeeded' } | { status: 'failed'; reason: string };

/** Money that moved in the account's balance. */
export interface BalanceTransaction {
  id: string;
  object: 'balance_transaction';
  created: number;
  available_on: number;
  amount: number;
  currency: string;
  description: string | null;
  exchange_rate: number | null;
  fee: number;
  fee_details: { amount: number; application: null; currency: string; description: string; type: string }[];
  net: number;
  reporting_category: string;
  /** The id of what moved it. */
  source: string;
  status: 'available' | 'pending';
  type: 'charge' | 'payout' | 'payout_failure' | 'payout_cancel' | 'refund' | 'refund_failure';
}

/** What happened, as webhooks tell it and as it can be listed. */
export interface StripeEvent {
  id: string;
  object: 'event';
  created: number;
  type: string;
  data: { object: unknown };
  /** 1 until its webhook was taken. */
  pending_webhooks: number;
}

export type StripeObject =
  Customer | PaymentMethod | PaymentIntent | SetupIntent | Charge | Payout | Refund | StripeEvent | BalanceTransaction;
export type Kind = StripeObject['object'];
type OfKind<K extends Kind> = Extract<StripeObject, { object: K }>;

const PREFIXES: Record<Kind, string> = {
  customer: 'cus',
  payment_method: 'pm',
  payment_intent: 'pi',
  setup_intent: 'seti',
  charge: 'ch',
  payout: 'po',
  refund: 're',
  event: 'evt',
  balance_transaction: 'txn',
};

/** An answer that is given again to the same idempotency key. */
export interface KeptAnswer extends Answer {
  /** What the key was first used with. */
  fingerprint: string;
  requestId: string;
}

/** One line of the journal: what one request changed, and the answer kept for its key. */
interface Entry {
  at: number;
  puts: StripeObject[];
  kept?: [key: string, answer: KeptAnswer];
}

/** Everything the simulator knows, in memory for reading and in a journal for ever. */
export interface Store {
  /** A copy of one object; undefined when there is none. */
  get<K extends Kind>(kind: K, id: string): OfKind<K> | undefined;
  /** Copies of all of a kind, newest first. */
  list<K extends Kind>(kind: K): OfKind<K>[];
  /** Copies of the payouts and refunds that still move by themselves. */
  moving(): (Payout | Refund)[];
  /** Milliseconds since 1970 of an object's last change. */
  changedAt(id: string): number;
  kept(key: string): KeptAnswer | undefined;
  /** Makes one request's changes at once; resolves when they are on the disk. */
  commit(puts: readonly StripeObject[], kept?: [key: string, answer: KeptAnswer]): Promise<void>;
  /** Resolves when all that can be read is on the disk. */
  settled(): Promise<void>;
  /** Calls back with each event after it is on the disk, also with those of before whose webhook was not taken. */
  followEvents(follow: (event: StripeEvent) => void): void;
  close(): Promise<void>;
}

/** Opens the store on its file, with everything that was committed before. */
export async function openStore(file: string): Promise<Store> {
  // In the order of making, since a Map keeps the place of a key that is set again.
  const objects = new Map<string, StripeObject>();
  const changes = new Map<string, number>();
  const answers = new Map<string, KeptAnswer>();
  const moving = new Map<string, Payout | Refund>();
  const apply = ({ at, puts, kept }: Entry) => {
    for (const object of puts) {
      objects.set(object.id, object);
      changes.set(object.id, at);
      if ((object.object === 'payout' || object.object === 'refund') && object.next !== null)
        moving.set(object.id, object);
      else moving.delete(object.id);
    }
    if (kept) answers.set(...kept);
  };
  let follow: (event: StripeEvent) => void = () => {};
  const journal: Journal<Entry> = await openJournal(file, apply);
  const isOf = <K extends Kind>(kind: K, object: StripeObject | undefined): object is OfKind<K> =>
    object?.object === kind;

  return {
    get(kind, id) {
      const object = objects.get(id);
      return isOf(kind, object) ? structuredClone(object) : undefined;
    },
    list: (kind) =>
      [...objects.values()]
        .filter((object) => isOf(kind, object))
        .map((object) => structuredClone(object))
        .reverse(),
    moving: () => [...moving.values()].map((object) => structuredClone(object)),
    changedAt: (id) => changes.get(id) ?? 0,
    kept: (key) => answers.get(key),
    async commit(puts, kept) {
      const events = puts.flatMap((object) => eventsOf(objects.get(object.id), object));
      const moved = puts.flatMap((object) => transactionsOf(objects.get(object.id), object));
      const entry: Entry = {
        at: Date.now(),
        puts: structuredClone([...puts, ...moved, ...events]),
        ...(kept && { kept }),
      };
      apply(entry);
      await journal.append(entry);
      for (const event of events) follow(event);
    },
    settled: () => journal.settled(),
    followEvents(given) {
      follow = given;
      for (const object of objects.values()) if (isOf('event', object) && object.pending_webhooks > 0) follow(object);
    },
    close: () => journal.close(),
  };
}

/** A fresh id in Stripe's form, for example "pi_3f…". */
export function newObjectId(kind: Kind): string {
  return `${PREFIXES[kind]}_${randomBytes(12).toString('hex')}`;
}

/** Seconds since 1970, as Stripe counts. */
export function unixNow(): number {
  return Math.floor(Date.now() / 1000);
}
