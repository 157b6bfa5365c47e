import { createHash } from 'node:crypto';
import { formatAmount, type Money } from '../../../platform/money.ts';
import type { InsightKind } from '../generated/resolvers.ts';
import type { History, HistoryLine } from './history.ts';

/** One finding. */
export interface Advice {
  /** The same for the same finding, whenever it is looked for. */
  id: string;
  kind: InsightKind;
  title: string;
  body: string;
  amount: Money | null;
  confidencePercent: number;
  /** The moment from which the data made it true. */
  createdAt: Date;
  /** What it rests on, newest first, at most MAX_LINES. */
  lines: HistoryLine[];
}

export interface Finding extends Omit<Advice, 'id'> {
  /** What makes it this finding and no other of its kind. */
  identity: readonly string[];
}

/** Enough to see what is meant; a category of a month can have hundreds. */
export const MAX_LINES = 50;

/** A finding as advice, with its id and its lines in order. */
export function toAdvice({ ownerId }: Pick<History, 'ownerId'>, { identity, ...finding }: Finding): Advice {
  const { kind } = finding;
  const id = createHash('sha256')
    .update(JSON.stringify([ownerId, kind, ...identity]))
    .digest('base64url')
    .slice(0, 22);
  return { id, ...finding, lines: [...finding.lines].sort(newestFirst).slice(0, MAX_LINES) };
}

/** For a person: "12.50 USD". */
export function say(amountMinor: bigint, currency: string): string {
  return `${formatAmount(amountMinor, currency)} ${currency}`;
}

/** Control characters, separators of lines, half characters, and what turns the direction of text around. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069\s]+/gu;
const MAX_NAME = 40;

/** The other end of a line as a short name for a sentence. Whatever the line says, it is one harmless line of text. */
export function nameOf({ label, payee }: Pick<HistoryLine, 'label' | 'payee'>): string {
  const clean = [...label.slice(0, 200).replace(UNPRINTABLE, ' ').trim()];
  if (clean.length === 0) return payee || 'A payee without a name';
  return clean.length <= MAX_NAME ? clean.join('') : `${clean.slice(0, MAX_NAME - 1).join('')}…`;
}

/** The latest moment. There has to be one. */
export function latest(moments: readonly Date[]): Date {
  return new Date(Math.max(...moments.map((moment) => moment.getTime())));
}

function newestFirst(a: HistoryLine, b: HistoryLine): number {
  return b.at.getTime() - a.at.getTime() || (a.id < b.id ? 1 : -1);
}
