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

/** One line of the journal. */
interface Entry {
  put?: PayoutRecord;
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
}

/** Everything a simulated provider knows of payouts: in memory for reading, in a journal for ever. */
export interface Book {
  find(reference: string): PayoutRecord | undefined;
  /** Newest first. */
  list(): PayoutRecord[];
  /** Takes a payout whose reference is new. All changes are there at once; nobody is told before `settled`. */
  take(payout: NewPayout): PayoutRecord;
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
}

function turn({ payouts, notes, undelivered, moving }: Pages, { put, note, webhook, delivered }: Entry): void {
  if (put) {
    payouts.set(put.reference, put);
    if (put.next) moving.add(put.reference);
    else moving.delete(put.reference);
  }
  if (note) notes.set(...note);
  if (webhook) undelivered.set(webhook.id, webhook);
  if (delivered !== undefined) undelivered.delete(delivered);
}

/** Opens a book on its file. Payouts go on where they were, also over the time that nobody ran it. */
export async function openBook({ file, delayMs, webhookOf }: BookOptions): Promise<Book> {
  const pages: Pages = { payouts: new Map(), notes: new Map(), undelivered: new Map(), moving: new Set() };
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
    const put: PayoutRecord = { ...record, status, reason, next, updatedAt: Date.now() };
    const webhook = webhookOf(put);
    commit({ put, ...(webhook && { webhook }) });
  };
  const steps = startSteps(pages, delayMs, move);

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
      const now = Date.now();
      const next = ahead[0] ? { at: now + ahead[0].after * delayMs, steps: ahead } : null;
      const id = FIRST_ID + payouts.size;
      const put: PayoutRecord = { ...payout, id, status: 'TAKEN', reason: null, createdAt: now, updatedAt: now, next };
      commit({ put });
      steps.advance();
      return put;
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
  delayMs: number,
  move: (record: PayoutRecord, status: Status, reason: string | null, next: PayoutRecord['next']) => void,
): { advance(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  const advance = () => {
    clearTimeout(timer);
    let wakeAt = Infinity;
    for (const reference of [...moving]) {
      let record = payouts.get(reference)!;
      while (record.next && record.next.at <= Date.now()) {
        const [step, ...ahead] = record.next.steps;
        const next = ahead[0] ? { at: record.next.at + ahead[0].after * delayMs, steps: ahead } : null;
        move(record, step!.status, step!.reason ?? null, next);
        record = payouts.get(reference)!;
      }
      if (record.next) wakeAt = Math.min(wakeAt, record.next.at);
    }
    if (wakeAt < Infinity) timer = setTimeout(advance, Math.max(1, wakeAt - Date.now())).unref();
  };
  advance();
  return { advance, stop: () => clearTimeout(timer) };
}
