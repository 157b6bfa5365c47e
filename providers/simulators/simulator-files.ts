import type { ProviderName } from '../payout-provider.ts';

/** The name of the file, in the bank's folder, in which a provider's simulator keeps what it knows. */
export function simulatorFile(name: ProviderName): string {
  return `${name}-simulator.jsonl`;
}
