import { createHash } from 'node:crypto';
import type { LedgerAccount } from '../../ledger/accounts.ts';
import { normaliseEmail } from '../../platform/email-hash.ts';
import { parseId, type AccountId, type PaymentMethodId, type QuoteId, type UserId } from '../../platform/ids.ts';
import { parseAmount, type Money } from '../../platform/money.ts';
import { Refusal } from '../../platform/refusal.ts';
import type { Preference } from '../../providers/registry.ts';
import type { TransferStatus } from './generated/resolvers.ts';
import { parseIban, parsePayeeName } from './payouts/iban.ts';
import { refuse, type TransferRefusal } from './refusals.ts';

/*
 * The rules of a transfer, without any outside: what a client's input means (parseCommand) and whether it may be posted
 * between two ends that were looked up (planTransfer).
 *
 * The order of refusals is fixed. First come the faults that the input shows by itself, all at once, one for each part:
 * idempotencyKey, source, destination, amount, description. Then, one at a time: the source account, the destination,
 * same account, currencies, status of the source, status of the destination. Risk and money come last (create-transfer.ts).
 */

/**
 * The lifecycle of a transfer: every status, and what may follow it. The database refuses every other move (transfer.may_follow, which a
 * test holds against this table); README.md has the picture. What nothing may follow is final, and so is COMPLETED, but that what had
 * arrived may be taken back.
 */
export const LIFECYCLE = {
  INITIATED: ['VALIDATING', 'SENT_TO_PROVIDER', 'COMPLETED', 'FAILED', 'CANCELLED'],
  VALIDATING: ['BALANCE_RESERVED', 'HELD_FOR_REVIEW', 'FAILED'],
  HELD_FOR_REVIEW: ['BALANCE_RESERVED', 'COMPLETED', 'FAILED', 'EXPIRED', 'CANCELLED', 'COMPENSATING'],
  BALANCE_RESERVED: ['SENT_TO_PROVIDER', 'FAILED', 'EXPIRED', 'CANCELLED', 'COMPENSATING'],
  SENT_TO_PROVIDER: [
    'PROVIDER_PROCESSING',
    'PROVIDER_CONFIRMING',
    'BALANCE_RESERVED',
    'COMPLETED',
    'FAILED',
    'COMPENSATING',
  ],
  // Back to SENT_TO_PROVIDER: the first provider has said no, and the next is asked. To BALANCE_RESERVED: nobody can be reached, and it waits.
  PROVIDER_PROCESSING: [
    'SENT_TO_PROVIDER',
    'PROVIDER_CONFIRMING',
    'BALANCE_RESERVED',
    'COMPLETED',
    'FAILED',
    'COMPENSATING',
  ],
  PROVIDER_CONFIRMING: [
    'SENT_TO_PROVIDER',
    'PROVIDER_PROCESSING',
    'BALANCE_RESERVED',
    'COMPLETED',
    'FAILED',
    'COMPENSATING',
  ],
  COMPENSATING: ['COMPENSATED'],
  COMPLETED: ['REVERSED'],
  FAILED: [],
  EXPIRED: [],
  CANCELLED: [],
  COMPENSATED: [],
  REVERSED: [],
} as const satisfies Record<TransferStatus, readonly TransferStatus[]>;

/** What may follow a status, by type: a move that is not in the table does not compile. Of several, what may follow each of them. */
export type NextOf<From extends TransferStatus> = {
  [Status in From]: (to: (typeof LIFECYCLE)[Status][number]) => void;
}[From] extends (to: infer Next) => void
  ? Next
  : never;

/** Whether a transfer has come to its end. */
export function hasEnded(status: TransferStatus): boolean {
  return status === 'COMPLETED' || LIFECYCLE[status].length === 0;
}

/** One end as a client writes it; exactly one field means something. */
export interface EndInput {
  accountId?: string | null | undefined;
  paymentMethodId?: string | null | undefined;
  email?: string | null | undefined;
  iban?: string | null | undefined;
  /** Beside `iban`; no end by itself. */
  payeeName?: string | null | undefined;
  address?: string | null | undefined;
}

/** What a client asks for, as it comes in. */
export interface TransferInput {
  idempotencyKey: string;
  source: EndInput;
  destination: EndInput;
  amount: { amount: string; currency: string };
  description?: string | null | undefined;
  quoteId?: string | null | undefined;
  preference?: Preference | null | undefined;
}

/** An account. `id` is null when the text has not the form of one: it is looked up all the same. */
export interface AccountEnd {
  kind: 'account';
  id: AccountId | null;
  text: string;
}

/** A linked card. `id` as in AccountEnd. */
export interface PaymentMethodEnd {
  kind: 'paymentMethod';
  id: PaymentMethodId | null;
  text: string;
}

/** Another customer. */
export interface EmailEnd {
  kind: 'email';
  email: string;
}

/** An account at another bank. */
export interface IbanEnd {
  kind: 'iban';
  /** Without blanks, in capitals; its check digits are right. */
  iban: string;
  payeeName: string | null;
}

export type CommandEnd = AccountEnd | PaymentMethodEnd | EmailEnd | IbanEnd;

interface CommandOf<Source extends CommandEnd, Destination extends CommandEnd> {
  idempotencyKey: string;
  source: Source;
  destination: Destination;
  amount: Money;
  description: string | null;
  /** The quote that it is made at. */
  quoteId: QuoteId | null;
  /** What the customer prefers where several providers could carry it. */
  preference: Preference;
}

/** Between accounts of this bank. */
export type AccountCommand = CommandOf<AccountEnd, AccountEnd | EmailEnd>;

/** From a payment method onto an account. */
export type DepositCommand = CommandOf<PaymentMethodEnd, AccountEnd>;

/** From an account out of this bank: WITHDRAWAL, EXTERNAL. */
export type PayoutCommand = CommandOf<AccountEnd, PaymentMethodEnd | IbanEnd>;

/** The input, checked and normalised: two inputs that mean the same give the same command. */
export type TransferCommand = AccountCommand | DepositCommand | PayoutCommand;

/** Whether a command asks for money from outside. */
export function isDeposit(command: TransferCommand): command is DepositCommand {
  return command.source.kind === 'paymentMethod';
}

/** Whether a command asks for money to leave the bank. */
export function isPayout(command: TransferCommand): command is PayoutCommand {
  return command.destination.kind === 'paymentMethod' || command.destination.kind === 'iban';
}

const KEY = /^[\x20-\x7e]{1,64}$/;
const DESCRIPTION_MAX_CHARACTERS = 140;
/** Control characters, line and paragraph separators, lone surrogates, and what reverses the direction of the text after it. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u;

/** The command in an input, or everything that is wrong with it: the first fault of each part. */
export function parseCommand(input: TransferInput): TransferCommand | { faults: Refusal<TransferRefusal>[] } {
  const faults: Refusal<TransferRefusal>[] = [];
  function part<Value>(parse: () => Value): Value | undefined {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // Everything below refuses with codes of this subgraph only.
      faults.push(error as Refusal<TransferRefusal>);
      return undefined;
    }
  }
  const idempotencyKey = part(() => parseKey(input.idempotencyKey));
  const source = part(() => parseSource(input.source));
  const destination = part(() => parseDestination(input.destination, source?.kind === 'paymentMethod'));
  const amount = part(() => parseMoney(input.amount));
  const description = part(() => parseDescription(input.description));
  const quoteId = part(() => parseQuoteId(input.quoteId));
  if (
    idempotencyKey === undefined ||
    source === undefined ||
    destination === undefined ||
    amount === undefined ||
    description === undefined ||
    quoteId === undefined
  ) {
    return { faults };
  }
  // parseDestination has made sure that the two ends go together, which their types cannot say.
  const choices = { quoteId, preference: input.preference ?? 'BALANCED' };
  return { idempotencyKey, source, destination, amount, description, ...choices } as TransferCommand;
}

/** A client's idempotency key. */
export function parseKey(key: string): string {
  if (!KEY.test(key)) throw refuse('INVALID_IDEMPOTENCY_KEY', ['idempotencyKey']);
  return key;
}

function parseSource(input: EndInput): TransferCommand['source'] {
  const [name, text] = onlyEnd(input, 'source');
  switch (name) {
    case 'accountId':
      return { kind: 'account', id: parseId(text), text };
    case 'paymentMethodId':
      return { kind: 'paymentMethod', id: parseId(text), text };
    case 'email': // nobody can draw on another customer
    case 'iban':
    case 'address':
      throw refuse('FEATURE_UNAVAILABLE', ['source', name]);
  }
}

/** `fromOutside`: money that comes in goes onto an account that is named, never on to somebody else. */
function parseDestination(input: EndInput, fromOutside: boolean): TransferCommand['destination'] {
  const [name, text] = onlyEnd(input, 'destination');
  if (name === 'accountId') return { kind: 'account', id: parseId(text), text };
  if (name === 'address' || fromOutside) throw refuse('FEATURE_UNAVAILABLE', ['destination', name]);
  switch (name) {
    case 'email':
      return { kind: 'email', email: normaliseEmail(text) };
    case 'paymentMethodId':
      return { kind: 'paymentMethod', id: parseId(text), text };
    case 'iban':
      return { kind: 'iban', iban: parseIban(text), payeeName: parsePayeeName(input.payeeName) };
  }
}

const END_FIELDS = ['accountId', 'paymentMethodId', 'email', 'iban', 'address'] as const;

/** The one field that is given. A field given as null counts as not given: clients send both for "nothing". */
function onlyEnd(input: EndInput, end: string): [(typeof END_FIELDS)[number], string] {
  const given = END_FIELDS.flatMap((name): [typeof name, string][] => {
    const text = input[name];
    return text === null || text === undefined ? [] : [[name, text]];
  });
  if (given.length !== 1) throw refuse('EXACTLY_ONE_END', [end]);
  return given[0]!;
}

/** An amount as a client writes it; refuses with the path from the input's `amount` on. */
export function parseMoney({ amount, currency }: TransferInput['amount']): Money {
  try {
    return { amountMinor: parseAmount(amount, currency), currency };
  } catch (error) {
    // money.ts knows its own part of the path only.
    if (error instanceof Refusal) throw new Refusal(error.code, ['amount', ...(error.field ?? [])]);
    throw error;
  }
}

/** A description as it is kept: trimmed, in one normal form; null for none. */
export function parseDescription(text: string | null | undefined): string | null {
  const description = text?.trim().normalize('NFC') ?? '';
  // Measured first, so that a long text is not searched.
  if (description.length > 4 * DESCRIPTION_MAX_CHARACTERS || [...description].length > DESCRIPTION_MAX_CHARACTERS) {
    throw refuse('DESCRIPTION_TOO_LONG', ['description']);
  }
  if (UNPRINTABLE.test(description)) throw refuse('INVALID_DESCRIPTION', ['description']);
  return description || null;
}

function parseQuoteId(text: string | null | undefined): QuoteId | null {
  if (text === null || text === undefined) return null;
  const id = parseId<QuoteId>(text);
  if (!id) throw refuse('UNKNOWN_QUOTE', ['quoteId']);
  return id;
}

/** What a key stands for: equal for inputs that mean the same transfer, whatever their property order or spelling. */
export function hashCommand(command: TransferCommand): Buffer {
  const { source, destination, amount, description, quoteId, preference } = command;
  const normalised: unknown[] = [
    normaliseEnd(source),
    normaliseEnd(destination),
    amount.amountMinor.toString(),
    amount.currency,
    description,
  ];
  // Only where they are given, so that the keys of earlier versions of the bank stay what they were.
  if (quoteId !== null || preference !== 'BALANCED') normalised.push(quoteId, preference);
  return createHash('sha256').update(JSON.stringify(normalised)).digest();
}

function normaliseEnd(end: CommandEnd): unknown[] {
  switch (end.kind) {
    case 'email':
      return ['email', end.email];
    case 'iban':
      return ['iban', end.iban, end.payeeName];
    case 'account':
    case 'paymentMethod':
      return [end.kind, end.id ?? end.text];
  }
}

/** The source, which must be the viewer's own: another's is missing, so that nobody learns that it exists. */
export function ownSource<Found extends { account: LedgerAccount }>(viewerId: UserId, found: Found | null): Found {
  if (found?.account.ownerId !== viewerId) throw refuse('ACCOUNT_NOT_FOUND', ['source', 'accountId']);
  return found;
}

/**
 * Decides whether a command may be posted from `source` to the account that was found for its destination, if any.
 * Whether there is money enough is not decided here: that is a verdict under the ledger's lock, stored with the key.
 */
export function planTransfer(
  command: AccountCommand,
  source: LedgerAccount,
  destination: LedgerAccount | null,
): { type: 'INTERNAL' | 'EXCHANGE'; source: LedgerAccount; destination: LedgerAccount } {
  const byEmail = command.destination.kind === 'email';
  const field = ['destination', byEmail ? 'email' : 'accountId'];
  if (!destination) throw refuse(byEmail ? 'UNKNOWN_RECIPIENT' : 'ACCOUNT_NOT_FOUND', field);
  if (source.id === destination.id) throw refuse('SAME_ACCOUNT', field);
  if (source.currency !== command.amount.currency) throw refuse('CURRENCY_MISMATCH', ['amount', 'currency']);
  const type = destination.currency === source.currency ? 'INTERNAL' : 'EXCHANGE';
  // One changes money for oneself only: what arrives at others is what was sent.
  if (type === 'EXCHANGE' && destination.ownerId !== source.ownerId) throw refuse('CURRENCY_MISMATCH', field);
  mustBeActive(source, ['source', 'accountId']);
  mustBeActive(destination, field);
  return { type, source, destination };
}

/** Refuses an account that nothing may come onto or leave. */
export function mustBeActive(account: LedgerAccount, field: readonly string[]): void {
  if (account.status === 'FROZEN') throw refuse('ACCOUNT_FROZEN', field);
  if (account.status === 'CLOSED') throw refuse('ACCOUNT_CLOSED', field);
}
