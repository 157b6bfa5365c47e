import { POLICY } from '../platform/policy.ts';
import type { PayoutProvider } from './payout-provider.ts';
import type { Candidate, ProviderRegistry } from './registry.ts';
import { makeResilient, type ResilienceOptions } from './resilience.ts';
import { scoreOffers } from './score.ts';

export interface RegistryOptions {
  /** Between two health checks of one provider. */
  checkEveryMs?: number;
  /** Replaces parts of POLICY.providers; for tests. */
  resilience?: Partial<ResilienceOptions>;
}

/**
 * All providers of payouts, each with patience around it (resilience.ts). Each is asked how it is at once and every 30 s; that
 * keeps no process alive, and ends with `close`, which closes the providers too.
 */
export function createRegistry(
  providers: readonly PayoutProvider[],
  { checkEveryMs = POLICY.providers.healthCheckEveryMs, resilience = {} }: RegistryOptions = {},
): ProviderRegistry {
  const resilient = providers.map((provider) => makeResilient(provider, resilience));
  const closing = new AbortController();
  const running = new Map<string, Promise<void>>();

  const check = () => {
    for (const provider of resilient) {
      // One that still waits for its last answer is not asked again.
      if (running.has(provider.name)) continue;
      const checked = provider
        .checkHealth(closing.signal)
        // What came of it stands in the provider's health.
        .catch(() => {})
        .finally(() => running.delete(provider.name));
      running.set(provider.name, checked);
    }
  };
  const timer = setInterval(check, checkEveryMs).unref();
  check();

  return {
    candidates(wanted, preference) {
      const offers = resilient.flatMap((provider) => {
        const offer = provider.offer(wanted);
        if (offer === null) return [];
        const { health, breaker } = provider.state();
        return [{ provider, name: provider.name, offer, health, down: breaker === 'OPEN' }];
      });
      return scoreOffers(offers, { amountMinor: wanted.amountMinor, preference }).map(
        ({ provider, offer, health, cost, speed, score, down }): Candidate => ({
          provider,
          offer,
          health,
          cost,
          speed,
          score,
          down,
        }),
      );
    },
    find: (name) => resilient.find((provider) => provider.name === name) ?? null,
    states: () => resilient.map((provider) => provider.state()),
    async close() {
      clearInterval(timer);
      closing.abort();
      await Promise.allSettled(running.values());
      await Promise.all(resilient.map(async (provider) => provider.close?.()));
    },
  };
}
