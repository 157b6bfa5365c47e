/** What advice is found in: one customer's lines and balances, as they are at one moment. */
export interface History {
  ownerId: string;
  /** Of the oldest account; null for who has none. */
  ownCurrency: string | null;
  /** Oldest first, at most the newest POLICY.insights.historyLines of the last months. */
  lines: readonly HistoryLine[];
  sources: readonly Source[];
  /** YYYY-MM-DD (UTC). */
  today: string;
}

/** A line of this bank (posting) or of a connected outside account (external). */
export interface HistoryLine {
  kind: 'posting' | 'external';
  id: string;
  /** The account or payment method. */
  sourceId: string;
  currency: string;
  /** Signed: negative leaves the account. */
  amountMinor: bigint;
  category: string;
  /** Equal for lines with the same other end; may be empty. */
  payee: string;
  /** The other end or what the line says, as it came. */
  label: string;
  ownMoney: boolean;
  /** For an outside line the beginning of its day. */
  at: Date;
  /** YYYY-MM-DD (UTC). */
  day: string;
}

/** Where money lies. */
export interface Source {
  kind: 'account' | 'outside';
  id: string;
  currency: string;
  /** What can be spent here; outside, the balance as last seen. */
  availableMinor: bigint;
  /** The moment of that; null when nothing has moved yet. */
  asOf: Date | null;
}

/** What was spent, as a magnitude. */
export function spentMinor({ amountMinor }: HistoryLine): bigint {
  return -amountMinor;
}

/** Lines that are spending. */
export function spendingLines({ lines }: Pick<History, 'lines'>): HistoryLine[] {
  return lines.filter(({ amountMinor, ownMoney }) => amountMinor < 0n && !ownMoney);
}
