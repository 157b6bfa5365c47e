import { createHash } from 'node:crypto';
import type { Queryable } from '../../../platform/db.ts';
import { newId, type QuoteId, type TransferId, type UserId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { Preference } from '../../../providers/registry.ts';
import type { CommandEnd, TransferCommand } from '../domain.ts';
import type { TransferType } from '../generated/resolvers.ts';
import { readFeeLines, totalFees, writeFeeLines } from './fees.ts';
import type { QuotedExchange, QuotedOption, StoredQuote, Terms } from './quote.ts';

/*
 * The table `quote`. Rows are written here; they are used up by transfer.use_quote and transfer.create_transfers alone, under the
 * lock of the row.
 */

/** Stores the terms for a customer. Both times are the database's, so that its clock alone says how long they hold. */
export async function storeQuote(
  db: Queryable,
  userId: UserId,
  { source, destination, preference }: TransferCommand,
  terms: Terms,
): Promise<StoredQuote> {
  const id = newId<QuoteId>();
  const { rows } = await db.query<{ created_at: Date; expires_at: Date }>({
    name: 'transfer-store-quote',
    text: `INSERT INTO quote (id, user_id, source_hash, destination_hash, type, amount, currency, preference, fees, fee_lines,
             destination_amount, destination_currency, exchange, provider, options, cheaper, created_at, expires_at)
           SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, at, at + make_interval(secs => $17)
           FROM (SELECT date_trunc('milliseconds', clock_timestamp()) AS at) AS now
           RETURNING created_at, expires_at`,
    values: [
      id,
      userId,
      hashEnd(id, source),
      hashEnd(id, destination),
      terms.type,
      terms.amount.amountMinor.toString(),
      terms.amount.currency,
      preference,
      totalFees(terms.feeLines).toString(),
      writeFeeLines(terms.feeLines),
      terms.destinationAmount.amountMinor.toString(),
      terms.destinationAmount.currency,
      terms.exchange && writeJson(terms.exchange),
      terms.provider,
      writeJson(terms.options),
      terms.cheaper && writeJson(terms.cheaper),
      POLICY.quotes.lifetimeSeconds,
    ],
  });
  const { created_at, expires_at } = rows[0]!;
  return { ...terms, id, userId, preference, createdAt: created_at, expiresAt: expires_at, usedBy: null };
}

interface QuoteRow {
  id: QuoteId;
  user_id: UserId;
  source_hash: Buffer;
  destination_hash: Buffer;
  type: TransferType;
  amount: string;
  currency: string;
  preference: Preference;
  fee_lines: unknown;
  destination_amount: string;
  destination_currency: string;
  exchange: (Record<MinorOf<QuotedExchange>, string> & Omit<QuotedExchange, MinorOf<QuotedExchange>>) | null;
  provider: StoredQuote['provider'];
  options: StoredOption[];
  cheaper: StoredOption | null;
  created_at: Date;
  expires_at: Date;
  used_by: TransferId | null;
}

/** The fields of a type that are bigints: in JSON they are text. */
type MinorOf<Type> = { [Key in keyof Type]: Type[Key] extends bigint ? Key : never }[keyof Type];
type StoredOption = Omit<QuotedOption, 'feesMinor'> & { feesMinor: string };

/** A quote with the hashes of what it is for; null when there is none. */
export async function readQuote(
  db: Queryable,
  id: QuoteId,
): Promise<{ quote: StoredQuote; sourceHash: Buffer; destinationHash: Buffer } | null> {
  const { rows } = await db.query<QuoteRow>({
    name: 'transfer-read-quote',
    text: `SELECT id, user_id, source_hash, destination_hash, type, amount, currency, preference, fee_lines, destination_amount,
             destination_currency, exchange, provider, options, cheaper, created_at, expires_at, used_by
           FROM quote WHERE id = $1`,
    values: [id],
  });
  const row = rows[0];
  return row ? { quote: toQuote(row), sourceHash: row.source_hash, destinationHash: row.destination_hash } : null;
}

/** Forgets quotes that nobody used, some days after they expired. Returns how many; at most `limit` at once. */
export async function forgetQuotes(db: Queryable, limit: number): Promise<number> {
  const { rowCount } = await db.query({
    name: 'transfer-forget-quotes',
    text: `DELETE FROM quote WHERE id IN (
             SELECT id FROM quote WHERE used_by IS NULL AND expires_at < clock_timestamp() - make_interval(days => $1)
             ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    values: [POLICY.quotes.forgottenAfterDays, limit],
  });
  return rowCount ?? 0;
}

/**
 * What an end is, in a form that tells nobody what it is: salted with the quote, so that equal ends of two quotes differ. What an
 * end was written as does not count where it has an id.
 */
export function hashEnd(quoteId: QuoteId, end: CommandEnd): Buffer {
  const meant: Record<string, unknown> = { ...end };
  if (meant['id']) delete meant['text'];
  const inOrder = Object.entries(meant).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([quoteId, inOrder]))
    .digest();
}

function toQuote(row: QuoteRow): StoredQuote {
  const { exchange } = row;
  return {
    id: row.id,
    userId: row.user_id,
    type: row.type,
    amount: { amountMinor: BigInt(row.amount), currency: row.currency },
    feeLines: readFeeLines(row.fee_lines),
    destinationAmount: { amountMinor: BigInt(row.destination_amount), currency: row.destination_currency },
    exchange: exchange && {
      ...exchange,
      spreadBasisPoints: BigInt(exchange.spreadBasisPoints),
      arrivesMinor: BigInt(exchange.arrivesMinor),
      worthMinor: BigInt(exchange.worthMinor),
      earnedMinor: BigInt(exchange.earnedMinor),
      residueMinor: BigInt(exchange.residueMinor),
    },
    provider: row.provider,
    options: row.options.map(toOption),
    cheaper: row.cheaper && toOption(row.cheaper),
    preference: row.preference,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    usedBy: row.used_by,
  };
}

function toOption(stored: StoredOption): QuotedOption {
  return { ...stored, feesMinor: BigInt(stored.feesMinor) };
}

function writeJson(value: object): string {
  return JSON.stringify(value, (_key, field: unknown) => (typeof field === 'bigint' ? field.toString() : field));
}
