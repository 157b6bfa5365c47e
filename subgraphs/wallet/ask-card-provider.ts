import { Refusal } from '../../platform/refusal.ts';
import type { Logger } from '../../platform/log.ts';
import { ProviderOutcomeUnknownError, ProviderRefusedError } from '../../providers/card-provider.ts';
import type { WalletRefusal } from './refusals.ts';

const DEADLINE_MS = 10_000;

/** Asks the provider something that moves no money; its no and its silence become refusals. Call it outside any transaction. */
export async function askCardProvider<Answer>(
  { log }: { log: Logger },
  call: (signal: AbortSignal) => Promise<Answer>,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    return await call(AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]));
  } catch (error) {
    if (error instanceof ProviderRefusedError) {
      const explanation = `The card provider refused this token (${error.code}).`;
      throw new Refusal<WalletRefusal>('CARD_TOKEN_REFUSED', ['token'], explanation);
    }
    if (error instanceof ProviderOutcomeUnknownError) {
      log.warn({ err: error }, 'the card provider does not answer');
      throw new Refusal<WalletRefusal>('CARD_PROVIDER_UNAVAILABLE');
    }
    throw error;
  }
}
