/**
 * What the bank has decided and could decide otherwise: every number of policy stands here and nowhere else. Amounts are
 * minor units. Change one, and the tests that name it say who depends on it.
 */
export const POLICY = {
  /** The bank's own spending limits for a customer, in US cents: what may leave in a UTC day and month, over all accounts. */
  limits: { dailyUsdMinor: 10_000_00n, monthlyUsdMinor: 50_000_00n },
  /** Transfers to others up to this (US cents, the equivalent of any currency) go on whatever their score; above it, see decisionFor in risk. */
  stepUpAboveUsdMinor: 1_000_00n,
  /** What the bank keeps of the mid rate of an exchange, in basis points (hundredths of a per cent). */
  exchangeSpreadBasisPoints: 50n,
  rates: {
    /** A day of rates older than this is stale: amounts are still valued with it, and marked. */
    staleAfterDays: 2,
    /** A currency issued by a state does not change by more than this factor between two days of rates; an asset by more than that. */
    largestJump: { currency: 1.5, asset: 4 },
  },
} as const;
