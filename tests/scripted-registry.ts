import type { TransferId } from '../platform/ids.ts';
import type { Payout, PayoutProvider, PayoutRequest, ProviderName } from '../providers/payout-provider.ts';
import type { Candidate, Preference, ProviderRegistry, WantedPayout } from '../providers/registry.ts';

/** `send` takes the payout (once per key) and returns what came of it; what the script returns or throws is what the bank hears. */
export type SendScript = (send: () => Payout, request: PayoutRequest, signal: AbortSignal) => Promise<Payout>;

/** What `find` says in place of what the provider knows. */
export type FindScript = (known: Payout | null) => Promise<Payout | null>;

/** A provider of payouts that does what a test says, and like a real one pays a key once, whatever it answers. */
export interface ScriptedProvider extends PayoutProvider {
  /** What the next calls of `send` do instead of succeeding. */
  readonly sends: SendScript[];
  /** What the next calls of `find` do instead of telling what is known. */
  readonly finds: FindScript[];
  /** What was asked of it, in order: "send <key>", "find <key>". */
  readonly calls: string[];
  /** What it knows, by key. */
  readonly paid: Map<string, { request: PayoutRequest; payout: Payout }>;
}

/** A registry whose providers do what tests say. */
export interface ScriptedRegistry extends ProviderRegistry {
  readonly providers: Readonly<Record<ProviderName, ScriptedProvider>>;
  /** Who can carry what is asked for, best first; tests change it. */
  names: ProviderName[];
  /** Those whose breaker is open; tests change it. */
  readonly down: Set<ProviderName>;
  /** What it was asked for. */
  readonly wanted: WantedPayout[];
  /** As after construction. */
  reset(): void;
}

const ALL: readonly ProviderName[] = ['bankrail', 'paystack', 'stripe', 'flutterwave'];

export function createScriptedRegistry(): ScriptedRegistry {
  // The cast: every name has its provider, which fromEntries cannot say.
  const providers = Object.fromEntries(ALL.map((name) => [name, createScriptedProvider(name)])) as Record<
    ProviderName,
    ScriptedProvider
  >;
  const wanted: WantedPayout[] = [];
  const down = new Set<ProviderName>();
  const registry: ScriptedRegistry = {
    providers,
    names: ['bankrail', 'paystack'],
    down,
    wanted,
    candidates(payout: WantedPayout, _preference: Preference) {
      wanted.push(payout);
      return registry.names.map((name, index) => candidateOf(providers[name], payout, index, down.has(name)));
    },
    find: (name) => Object.values(providers).find((provider) => provider.name === name) ?? null,
    states: () => [],
    close: async () => {},
    reset() {
      registry.names = ['bankrail', 'paystack'];
      wanted.length = 0;
      down.clear();
      for (const { sends, finds, calls, paid } of Object.values(providers)) {
        sends.length = finds.length = calls.length = 0;
        paid.clear();
      }
    },
  };
  return registry;
}

function candidateOf(provider: ScriptedProvider, payout: WantedPayout, index: number, down: boolean): Candidate {
  const offer = provider.offer(payout)!;
  return { provider, offer, health: 100, cost: 80, speed: 60, score: 86 - 10 * index, down };
}

function createScriptedProvider(name: ProviderName): ScriptedProvider {
  const sends: SendScript[] = [];
  const finds: FindScript[] = [];
  const calls: string[] = [];
  const paid: ScriptedProvider['paid'] = new Map();
  return {
    name,
    types: ['BANK'],
    sends,
    finds,
    calls,
    paid,
    offer: () => ({ providerFeeMinor: 20n, networkFeeMinor: 5n, usualSeconds: 60 }),
    async send(request, signal) {
      calls.push(`send ${request.key}`);
      const pay = (): Payout => {
        const known = paid.get(request.key);
        if (known) return known.payout;
        const payout: Payout = { outcome: 'SUCCEEDED', reference: `${name}-${request.key}`, feeMinor: 20n };
        paid.set(request.key, { request, payout });
        return payout;
      };
      const next = sends.shift();
      return next ? next(pay, request, signal) : pay();
    },
    async find({ key }) {
      calls.push(`find ${key}`);
      const known = paid.get(key)?.payout ?? null;
      const next = finds.shift();
      return next ? next(known) : known;
    },
    checkHealth: async () => {},
  };
}

/** How providers know a transfer. */
export function payoutKey(transferId: TransferId | string): string {
  return transferId.replaceAll('-', '');
}
