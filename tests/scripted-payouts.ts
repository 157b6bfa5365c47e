import type { Offer, Payout, PayoutProvider, ProviderName } from '../providers/payout-provider.ts';

/** A provider of payouts that does as the test says, call by call. */
export interface ScriptedPayouts extends PayoutProvider {
  /** What each of the next calls does; well after the last. */
  next: (() => Promise<Payout | null> | Payout | null)[];
  /** What was asked, in order. */
  calls: string[];
  /** How many calls are under way, and were at most. */
  underWay: number;
  mostUnderWay: number;
}

export const DONE: Payout = { outcome: 'SUCCEEDED', reference: 'r', feeMinor: null };

/** Each call is noted before it does anything. */
export function createScriptedPayouts({
  name = 'stripe',
  offer = null,
}: { name?: ProviderName; offer?: Offer | null } = {}): ScriptedPayouts {
  const run = async (what: string): Promise<Payout | null> => {
    scripted.calls.push(what);
    scripted.mostUnderWay = Math.max(scripted.mostUnderWay, ++scripted.underWay);
    try {
      return await (scripted.next.shift() ?? (() => DONE))();
    } finally {
      scripted.underWay--;
    }
  };
  const scripted: ScriptedPayouts = {
    name,
    types: ['OFF_RAMP'],
    next: [],
    calls: [],
    underWay: 0,
    mostUnderWay: 0,
    offer: () => offer,
    // A send always has a payout; scripts of it never say null.
    send: () => run('send') as Promise<Payout>,
    find: () => run('find'),
    async checkHealth() {
      await run('checkHealth');
    },
  };
  return scripted;
}
