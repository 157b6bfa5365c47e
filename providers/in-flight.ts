import { ProviderNotCertainYetError } from './payout-provider.ts';

/**
 * "Not here" of a provider that does not know a payout. A request may still be under way to it for a while after it was sent, and
 * would be taken when it arrives: until that time is over, nobody can say for certain.
 */
export function notHere({ sentAt, inFlightMs, title }: { sentAt: Date; inFlightMs: number; title: string }): null {
  if (Date.now() - sentAt.getTime() < inFlightMs) {
    throw new ProviderNotCertainYetError(`${title} does not know the payout yet, and it may still be on its way there`);
  }
  return null;
}
