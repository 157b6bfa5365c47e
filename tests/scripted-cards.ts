import type { TransferId } from '../platform/ids.ts';
import type { CardProvider, Charge, ChargeRequest } from '../providers/card-provider.ts';

/**
 * A provider of cards that does what a test says, and like a real one charges a key once, whatever it answers: for what the
 * simulator of Stripe never does by itself.
 */
export interface ScriptedCards extends CardProvider {
  /** What the next call of `charge` does instead of succeeding; the rest of the queue follows. */
  readonly script: ChargeScript[];
  /** The next calls of `findCharge` fail so. */
  readonly findFailures: Error[];
  /** What was asked of it, in order. */
  readonly calls: string[];
  /** What it knows, by key: what was made of each charge. */
  readonly charges: Map<string, { request: ChargeRequest; charge: Charge }>;
}

/** `charge` takes the money (once per key) and returns what came of it; what the script returns or throws is what the bank hears. */
export type ChargeScript = (charge: () => Charge, request: ChargeRequest, signal: AbortSignal) => Promise<Charge>;

/** A provider that lets every charge succeed unless its script says otherwise. */
export function createScriptedCards(): ScriptedCards {
  const script: ChargeScript[] = [];
  const findFailures: Error[] = [];
  const calls: string[] = [];
  const charges: ScriptedCards['charges'] = new Map();
  const unused = () => Promise.reject(new Error('no test links cards here'));
  return {
    name: 'stripe',
    script,
    findFailures,
    calls,
    charges,
    saveCard: unused,
    findCard: unused,
    removeCard: unused,
    async charge(request, signal) {
      calls.push(`charge ${request.key}`);
      const take = (): Charge => {
        const known = charges.get(request.key);
        if (known) return known.charge;
        const charge: Charge = { outcome: 'SUCCEEDED', chargeId: `charge of ${request.transferId}` };
        charges.set(request.key, { request, charge });
        return charge;
      };
      const next = script.shift();
      return next ? next(take, request, signal) : take();
    },
    async findCharge(transferId: TransferId) {
      calls.push(`find ${transferId}`);
      const failure = findFailures.shift();
      if (failure) throw failure;
      return [...charges.values()].find(({ request }) => request.transferId === transferId)?.charge ?? null;
    },
  };
}
