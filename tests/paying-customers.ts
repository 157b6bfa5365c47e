import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Queryable } from '../platform/db.ts';
import type { AccountId, UserId } from '../platform/ids.ts';
import { expectBooksOk } from './books.ts';
import { ask } from './graph-client.ts';

/*
 * Customers who pay each other at a bank that is broken under them, again and again. What a client was told is done must be done, once;
 * what a client was not told is found out by asking again with the same key.
 */

export interface Person {
  id: UserId;
  token: string;
  accountId: AccountId;
}

interface Wish {
  key: string;
  from: Person;
  to: Person;
  amount: string;
}

export interface PayingCustomers {
  readonly people: readonly Person[];
  /** Transfer ids that a client was told are COMPLETED, by key. */
  readonly told: ReadonlyMap<string, string>;
  /** How often a client was left without an answer. */
  readonly unanswered: number;
  /** Pay around, so many payments at once, until the signal; then all have their answer or know that they got none. */
  pay(atOnce: number, signal: AbortSignal): Promise<void>;
  /** Asks for everything again that was not answered; returns how much of it has no answer yet. */
  askAgain(): Promise<number>;
  /** What was told and what is stored are the same, no money came or went, and the books are right. `db` may read everything. */
  expectEachOnce(db: Queryable): Promise<void>;
}

const CREATE = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { transfer { id status } replayed userErrors { code } }
}`;

interface Created {
  createTransfer: { transfer: { id: string; status: string } | null; userErrors: { code: string }[] };
}

export interface CustomersOptions {
  /** Where the bank is now. */
  url: () => string;
  count: number;
  fundsMinor: bigint;
  /** Puts so much on an account. */
  fund: (accountId: AccountId, amountMinor: bigint) => Promise<void>;
  /** The same numbers give the same payments. */
  random: () => number;
}

/** Registers them, each with an account that has been funded. */
export async function openCustomers({
  url,
  count,
  fundsMinor,
  fund,
  random,
}: CustomersOptions): Promise<PayingCustomers> {
  const people = await Promise.all(Array.from({ length: count }, (_, n) => register(url(), n)));
  for (const { accountId } of people) await fund(accountId, fundsMinor);
  const told = new Map<string, string>();
  let open: Wish[] = [];
  let wishes = 0;
  let unanswered = 0;

  function wish(): Wish {
    const from = Math.floor(random() * count);
    const to = (from + 1 + Math.floor(random() * (count - 1))) % count;
    // Small enough for a day's limits, however long this goes on.
    const amount = (1 + Math.floor(random() * 90)) / 100;
    return { key: `wish-${++wishes}`, from: people[from]!, to: people[to]!, amount: amount.toFixed(2) };
  }

  async function attempt({ key, from, to, amount }: Wish): Promise<void> {
    const input = {
      idempotencyKey: key,
      source: { accountId: from.accountId },
      destination: { accountId: to.accountId },
      amount: { amount, currency: 'USD' },
    };
    const { createTransfer } = await ask<Created>(url(), CREATE, { token: from.token, variables: { input } });
    const codes = createTransfer.userErrors.map(({ code }) => code);
    if (createTransfer.transfer) {
      expect(createTransfer.transfer.status).toBe('COMPLETED');
      told.set(key, createTransfer.transfer.id);
    } else if (!codes.every((code) => code === 'INSUFFICIENT_FUNDS' || code === 'LIMIT_EXCEEDED')) {
      // Those two are the ledger's own no. Retryable refusals (a part of the bank was just ending) have stored nothing: the same wish again.
      throw new Error(`refused with ${codes.join()}`);
    }
  }

  async function tryOnce(next: Wish): Promise<boolean> {
    try {
      await attempt(next);
      return true;
    } catch {
      open.push(next);
      return false;
    }
  }

  async function payer(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await tryOnce(wish())) continue;
      unanswered += 1;
      if (!signal.aborted) await delay(5);
    }
  }

  return {
    people,
    told,
    get unanswered() {
      return unanswered;
    },
    async pay(atOnce, signal) {
      await Promise.all(Array.from({ length: atOnce }, () => payer(signal)));
    },
    async askAgain() {
      const again = open;
      open = [];
      await Promise.all(again.map(tryOnce));
      return open.length;
    },
    async expectEachOnce(db) {
      const { rows } = await db.query<{ id: string; key: string; status: string }>({
        text: `SELECT t.id, k.key, t.status FROM transfer.transfer t JOIN transfer.idempotency_key k ON k.transfer_id = t.id`,
      });
      expect(rows.every(({ status }) => status === 'COMPLETED')).toBe(true);
      // Both ways: nothing acknowledged is missing, and nothing is there that nobody was told of in the end.
      expect(Object.fromEntries(rows.map(({ key, id }) => [key, id]))).toEqual(Object.fromEntries(told));
      const total = await db.query<{ total: string }>({
        text: `SELECT sum(posted)::text AS total FROM ledger.account WHERE owner_id IS NOT NULL`,
      });
      expect(total.rows[0]!.total).toBe(String(fundsMinor * BigInt(count)));
      await expectBooksOk(db);
    },
  };
}

async function register(url: string, n: number): Promise<Person> {
  const input = { email: `person${n}@example.com`, password: 'correct horse battery', displayName: `Person ${n}` };
  const { register: answer } = await ask<{ register: { user: { id: UserId }; tokens: { accessToken: string } } }>(
    url,
    'mutation ($input: RegisterInput!) { register(input: $input) { user { id } tokens { accessToken } } }',
    { variables: { input } },
  );
  const token = answer.tokens.accessToken;
  const { openAccount } = await ask<{ openAccount: { account: { id: AccountId } } }>(
    url,
    'mutation { openAccount(input: { currency: "USD", name: "Everyday" }) { account { id } } }',
    { token },
  );
  return { id: answer.user.id, token, accountId: openAccount.account.id };
}

/** mulberry32: the same seed gives the same numbers. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
