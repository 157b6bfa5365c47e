/** Our names for payouts: 32 hex digits of the transfer's id. What a provider tells of others is not about us. */
const KEY = /^[0-9a-f]{32}$/;

/** The key in what a provider calls the reference; null when it is none of ours. */
export function keyOf(reference: unknown): string | null {
  return typeof reference === 'string' && KEY.test(reference) ? reference : null;
}
