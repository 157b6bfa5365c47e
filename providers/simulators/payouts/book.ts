import { openJournal, type Journal } from '../journal.ts';
import type { Webhook } from '../webhook-sender.ts';

export type Status = 'TAKEN' | 'PROCESSING' | 'SUCCEEDED' | 'FAILED' | 'REVERSED';

/** A step that a payout takes by itself, after so many times the usual delay. */
export interface Step {
  after: number;
  status: Exclude<Status, 'TAKEN'>;
  reason?: string;
}

/** A payout as a simulator keeps it; what it is called on the wire is for each provider's form to say. */
export interface PayoutRecord {
  id: number;
  reference: string;
  /** Minor units, in decimal digits. */
  amountMinor: string;
  feeMinor: string;
  currency: string;
  status: Status;
  /** Why it failed or was reversed. */
  reason: string | null;
  createdAt: number;
  updatedAt: number;
  /** What happens to it next, and when; null: nothing by itself. */
  next: { at: number; steps: readonly Step[] } | null;
  /** What was asked for beside, as its provider shows it. */
  fields: Record<string, unknown>;
}

export type NewPayout = Pick<PayoutRecord, 'reference' | 'amountMinor' | 'feeMinor' | 'currency' | 'fields'> & {
  steps: readonly Step[];
};

/** Money that moved in the account at the provider, as its statement tells: a payout is taken from it when it is asked for. */
export interface Movement {
  /** Its place among all movements, from 1. */
  place: number;
  at: number;
  currency: string;
  /** Below zero: it left the account. What the provider took is in it. */
  amountMinor: bigint;
  /** Of the account in this currency, after it, counted from 0. */
  balanceMinor: bigint;
  /** The payout behind it; null: the account was topped up. */
  record: PayoutRecord | null;
}

interface TopUp {
  at: number;
  currency: string;
  amountMinor: string;
}

/** One line of the journal. */
interface Entry {
  put?: PayoutRecord;
  topUp?: TopUp;
  /** What else is to be known for ever, for example a recipient. */
  note?: [key: string, value: object];
  webhook?: Webhook;
  delivered?: string;
}

export interface BookOptions {
  file: string;
  /** How long a payout usually takes. */
  delayMs: number;
  /** What is told of a payout that has a new status; null: nothing. */
  webhookOf: (record: PayoutRecord) => Webhook | null;
  /** Whether the provider gives back what it took for a payout that came back. */
  givesChargeBack?: boolean;
  /** The time, in milliseconds since 1970. */
  now?: () => number;
}

/** Everything a simulated provider knows of payouts: in memory for reading, in a journal for ever. */
export interface Book {
  find(reference: string): PayoutRecord | undefined;
  /** Newest first. */
  list(): PayoutRecord[];
  /** Takes a payout whose reference is new. All changes are there at once; nobody is told before `settled`. */
  take(payout: NewPayout): PayoutRecord;
  /** What moved in the account, oldest first. */
  movements(): readonly Movement[];
  /** Puts money into the account. */
  topUp(currency: string, amountMinor: bigint): Promise<void>;
  note(key: string, value: object): void;
  noted(key: string): object | undefined;
  /** What becomes of a payout, at once. False for one that is not there, or of which that cannot become. */
  settle(reference: string, status: 'SUCCEEDED' | 'FAILED' | 'REVERSED'): Promise<boolean>;
  /** Resolves when all that can be read is on the disk. */
  settled(): Promise<void>;
  /** Calls back with every webhook after it is on the disk, and with those of before that were not delivered. */
  followWebhooks(follow: (webhook: Webhook) => void): void;
  delivered(id: string): Promise<void>;
  close(): Promise<void>;
}

/** Ids of real ones have about so many digits. */
const FIRST_ID = 860_000_001;

/** What the journal says, in memory. */
interface Pages {
  payouts: Map<string, PayoutRecord>;
  notes: Map<string, object>;
  undelivered: Map<string, Webhook>;
  /** References of those to which something happens by itself. */
  moving: Set<string>;
  movements: Movement[];
  /** By currency. */
  balances: Map<string, bigint>;
  givesChargeBack: boolean;
}

function turn(pages: Pages, { put, topUp, note, webhook, delivered }: Entry): void {
  const { payouts, notes, undelivered, moving } = pages;
  if (topUp) {
    const { at, currency, amountMinor } = topUp;
    moveMoney(pages, { at, currency, amountMinor: BigInt(amountMinor), record: null });
  }
  if (put) {
    moveMoneyOf(pages, payouts.get(put.reference), put);
    payouts.set(put.reference, put);
    if (put.next) moving.add(put.reference);
    else moving.delete(put.reference);
  }
  if (note) notes.set(...note);
  if (webhook) undelivered.set(webhook.id, webhook);
  if (delivered !== undefined) undelivered.delete(delivered);
}

function moveMoney(
  { movements, balances }: Pages,
  movement: Pick<Movement, 'at' | 'currency' | 'amountMinor' | 'record'>,
): void {
  const balanceMinor = (balances.get(movement.currency) ?? 0n) + movement.amountMinor;
  balances.set(movement.currency, balanceMinor);
  movements.push({ ...movement, balanceMinor, place: movements.length + 1 });
}

/** A payout takes its money at once, and gives it back when it comes to nothing. */
function moveMoneyOf(pages: Pages, before: PayoutRecord | undefined, record: PayoutRecord): void {
  const { currency, status } = record;
  const [amount, charge] = [BigInt(record.amountMinor), BigInt(record.feeMinor)];
  if (!before) moveMoney(pages, { at: record.createdAt, currency, amountMinor: -amount - charge, record });
  if (before?.status === status || (status !== 'FAILED' && status !== 'REVERSED')) return;
  const back = status === 'FAILED' || pages.givesChargeBack ? amount + charge : amount;
  moveMoney(pages, { at: record.updatedAt, currency, amountMinor: back, record });
}

/** Opens a book on its file. Payouts go on where they were, also over the time that nobody ran it. */
export async function openBook(options: BookOptions): Promise<Book> {
  const { file, delayMs, webhookOf, givesChargeBack = false, now = Date.now } = options;
  const pages: Pages = {
    payouts: new Map(),
    notes: new Map(),
    undelivered: new Map(),
    moving: new Set(),
    movements: [],
    balances: new Map(),
    givesChargeBack,
  };
  const { payouts, notes, undelivered } = pages;
  const journal: Journal<Entry> = await openJournal(file, (entry) => turn(pages, entry));
  let follow: (webhook: Webhook) => void = () => {};

  const commit = (entry: Entry): void => {
    turn(pages, entry);
    // A disk that fails is met by everybody who waits for `settled` before he answers.
    journal.append(entry).then(
      () => entry.webhook && follow(entry.webhook),
      () => {},
    );
  };
  const move = (record: PayoutRecord, status: Status, reason: string | null, next: PayoutRecord['next']) => {
    const put: PayoutRecord = { ...record, status, reason, next, updatedAt: now() };
    const webhook = webhookOf(put);
    commit({ put, ...(webhook && { webhook }) });
  };
  const steps = startSteps(pages, { delayMs, now }, move);

  return {
    find(reference) {
      steps.advance();
      return payouts.get(reference);
    },
    list() {
      steps.advance();
      return [...payouts.values()].reverse();
    },
    take({ steps: ahead, ...payout }) {
      if (payouts.has(payout.reference)) throw new Error(`a second payout ${payout.reference}`);
      const at = now();
      const next = ahead[0] ? { at: at + ahead[0].after * delayMs, steps: ahead } : null;
      const id = FIRST_ID + payouts.size;
      const put: PayoutRecord = { ...payout, id, status: 'TAKEN', reason: null, createdAt: at, updatedAt: at, next };
      commit({ put });
      steps.advance();
      return put;
    },
    movements() {
      steps.advance();
      return pages.movements;
    },
    topUp(currency, amountMinor) {
      commit({ topUp: { at: now(), currency, amountMinor: amountMinor.toString() } });
      return journal.settled();
    },
    note: (key, value) => commit({ note: [key, value] }),
    noted: (key) => notes.get(key),
    async settle(reference, status) {
      const record = payouts.get(reference);
      const over = record?.status === 'FAILED' || record?.status === 'REVERSED';
      if (!record || over || (record.status === 'SUCCEEDED' && status !== 'REVERSED')) return false;
      move(record, status, status === 'SUCCEEDED' ? null : 'Settled by hand.', null);
      await journal.settled();
      return true;
    },
    settled: () => journal.settled(),
    followWebhooks(given) {
      follow = given;
      for (const webhook of [...undelivered.values()]) follow(webhook);
    },
    delivered(id) {
      const entry = { delivered: id };
      turn(pages, entry);
      return journal.append(entry);
    },
    async close() {
      steps.stop();
      await journal.close();
    },
  };
}

/** Takes the steps whose time has come: at once, whenever it is asked, and by itself when the next is due. */
function startSteps(
  { payouts, moving }: Pages,
  { delayMs, now }: { delayMs: number; now: () => number },
  move: (record: PayoutRecord, status: Status, reason: string | null, next: PayoutRecord['next']) => void,
): { advance(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  const advance = () => {
    clearTimeout(timer);
    let wakeAt = Infinity;
    for (const reference of [...moving]) {
      let record = payouts.get(reference)!;
      while (record.next && record.next.at <= now()) {
        const [step, ...ahead] = record.next.steps;
        const next = ahead[0] ? { at: record.next.at + ahead[0].after * delayMs, steps: ahead } : null;
        move(record, step!.status, step!.reason ?? null, next);
        record = payouts.get(reference)!;
      }
      if (record.next) wakeAt = Math.min(wakeAt, record.next.at);
    }
    if (wakeAt < Infinity) timer = setTimeout(advance, Math.max(1, wakeAt - now())).unref();
  };
  advance();
  return { advance, stop: () => clearTimeout(timer) };
}
