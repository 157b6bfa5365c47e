import type { RefusalMeaning } from '../../platform/refusal.ts';

/** Every business "no" of this subgraph. */
export type WalletRefusal =
  | 'UNSUPPORTED_CURRENCY'
  | 'INVALID_ACCOUNT_NAME'
  | 'TOO_MANY_ACCOUNTS'
  | 'FEATURE_UNAVAILABLE'
  | 'PAYMENT_METHOD_NOT_FOUND';

export const WALLET_REFUSALS: Record<WalletRefusal, RefusalMeaning> = {
  UNSUPPORTED_CURRENCY: { message: 'This bank keeps no accounts in this currency.', retryable: false },
  INVALID_ACCOUNT_NAME: { message: 'The name of an account has 1 to 80 printable characters.', retryable: false },
  TOO_MANY_ACCOUNTS: { message: 'You have as many accounts as one customer may open.', retryable: false },
  FEATURE_UNAVAILABLE: { message: 'This bank does not offer this yet.', retryable: false },
  PAYMENT_METHOD_NOT_FOUND: { message: 'You have no such payment method.', retryable: false },
};
