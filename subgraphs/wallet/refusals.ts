import type { RefusalMeaning } from '../../platform/refusal.ts';
import type { StatementRefusal } from './statements/statement.ts';

/** Every business "no" of this subgraph. What is wrong with a statement is said with its line; see statements/statement.ts. */
export type WalletRefusal =
  | 'UNSUPPORTED_CURRENCY'
  | 'INVALID_ACCOUNT_NAME'
  | 'TOO_MANY_ACCOUNTS'
  | 'FEATURE_UNAVAILABLE'
  | 'INVALID_LABEL'
  | 'EXACTLY_ONE_SOURCE'
  | 'UNSUPPORTED_PROVIDER'
  | 'WRONG_PAYMENT_METHOD_TYPE'
  | 'TOO_MANY_PAYMENT_METHODS'
  | 'TOO_MANY_EXTERNAL_TRANSACTIONS'
  | 'PAYMENT_METHOD_NOT_FOUND'
  | 'PAYMENT_METHOD_DISCONNECTED'
  | 'INVALID_TOKEN'
  | 'CARD_TOKEN_REFUSED'
  | 'CARD_PROVIDER_UNAVAILABLE'
  | StatementRefusal;

export const WALLET_REFUSALS: Record<WalletRefusal, RefusalMeaning> = {
  UNSUPPORTED_CURRENCY: { message: 'This bank keeps no accounts in this currency.', retryable: false },
  INVALID_ACCOUNT_NAME: { message: 'The name of an account has 1 to 80 printable characters.', retryable: false },
  TOO_MANY_ACCOUNTS: { message: 'You have as many accounts as one customer may open.', retryable: false },
  FEATURE_UNAVAILABLE: { message: 'This bank does not offer this yet.', retryable: false },
  INVALID_LABEL: { message: 'A label has 1 to 80 printable characters.', retryable: false },
  EXACTLY_ONE_SOURCE: {
    message: 'Give a statement for the provider "statement" and a token for every other, and never both.',
    retryable: false,
  },
  UNSUPPORTED_PROVIDER: { message: 'This bank links nothing through this provider.', retryable: false },
  WRONG_PAYMENT_METHOD_TYPE: { message: 'This provider does not serve this type of payment method.', retryable: false },
  TOO_MANY_PAYMENT_METHODS: {
    message: 'You have linked as many payment methods as one customer may, ended ones included.',
    retryable: false,
  },
  TOO_MANY_EXTERNAL_TRANSACTIONS: {
    message: 'This payment method would have more lines than one may have.',
    retryable: false,
  },
  PAYMENT_METHOD_NOT_FOUND: { message: 'You have no such payment method.', retryable: false },
  PAYMENT_METHOD_DISCONNECTED: { message: 'This payment method is disconnected. Link it again.', retryable: false },
  INVALID_TOKEN: { message: 'The token has not the form that this provider needs.', retryable: false },
  CARD_TOKEN_REFUSED: { message: 'The card provider does not know this token.', retryable: false },
  CARD_PROVIDER_UNAVAILABLE: { message: 'The card provider does not answer. Try again soon.', retryable: true },
  STATEMENT_TOO_LARGE: { message: 'A statement file has at most 768 KiB.', retryable: false },
  STATEMENT_EMPTY: { message: 'The statement file is empty.', retryable: false },
  STATEMENT_UNKNOWN_FORMAT: { message: 'Only OFX and CAMT.053 files are read.', retryable: false },
  STATEMENT_MALFORMED: { message: 'The statement file is damaged.', retryable: false },
  STATEMENT_TOO_MANY_LINES: { message: 'The statement file has too many lines of account.', retryable: false },
  STATEMENT_BALANCE_MISMATCH: { message: 'The statement file does not add up.', retryable: false },
  STATEMENT_SEVERAL_ACCOUNTS: { message: 'The statement file has more than one account.', retryable: false },
  STATEMENT_SEVERAL_CURRENCIES: { message: 'The statement file has amounts in several currencies.', retryable: false },
  STATEMENT_WRONG_ACCOUNT: { message: 'The statement file is of another account.', retryable: false },
  INVALID_AMOUNT: { message: 'The statement file has an amount that is none.', retryable: false },
  TOO_MANY_DECIMALS: { message: 'The statement file has an amount with too many decimals.', retryable: false },
  AMOUNT_TOO_LARGE: { message: 'The statement file has an amount that is too large.', retryable: false },
};
