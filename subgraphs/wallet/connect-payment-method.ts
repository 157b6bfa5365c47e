import type { PaymentMethodType } from '../../platform/events.ts';
import type { PaymentMethodId, UserId } from '../../platform/ids.ts';
import { parseLabel } from '../../platform/label.ts';
import { Refusal } from '../../platform/refusal.ts';
import { connectCard, type ConnectCardDeps } from './connect-card.ts';
import { connectStatement, type ConnectStatementDeps } from './connect-statement.ts';
import type { WalletRefusal } from './refusals.ts';

export type ConnectPaymentMethodDeps = ConnectCardDeps & ConnectStatementDeps;

/** What connectPaymentMethod takes. */
export interface ConnectPaymentMethodInput {
  type: PaymentMethodType;
  provider: string;
  label?: string | null;
  token?: string | null;
  statement?: string | null;
}

const LABEL_MAX_CHARACTERS = 80;

/** Who serves what. Types that no provider here serves are not offered yet. */
const TYPE_OF_PROVIDER = { stripe: 'CARD', statement: 'BANK_ACCOUNT' } as const;
type Provider = keyof typeof TYPE_OF_PROVIDER;

/** Links an outside source of money and says which payment method it is: linked again, the same source is the same one. */
export async function connectPaymentMethod(
  deps: ConnectPaymentMethodDeps,
  ownerId: UserId,
  input: ConnectPaymentMethodInput,
  signal: AbortSignal,
): Promise<PaymentMethodId> {
  const request = parseConnect(input);
  return request.provider === 'statement'
    ? connectStatement(deps, ownerId, request)
    : connectCard(deps, ownerId, request, signal);
}

type ConnectRequest =
  | { provider: 'statement'; label: string | null; statement: string }
  | { provider: 'stripe'; label: string | null; token: string };

function parseConnect({ type, provider, label: given, token, statement }: ConnectPaymentMethodInput): ConnectRequest {
  if (!Object.values<string>(TYPE_OF_PROVIDER).includes(type)) throw refuse('FEATURE_UNAVAILABLE', 'type');
  if (!isProvider(provider)) throw refuse('UNSUPPORTED_PROVIDER', 'provider');
  if (TYPE_OF_PROVIDER[provider] !== type) throw refuse('WRONG_PAYMENT_METHOD_TYPE', 'type');
  const label = given === null || given === undefined ? null : parseLabel(given, LABEL_MAX_CHARACTERS);
  if (label === '' || (label === null && typeof given === 'string')) throw refuse('INVALID_LABEL', 'label');
  const [wanted, unwanted] = provider === 'statement' ? [statement, token] : [token, statement];
  if (typeof wanted !== 'string' || typeof unwanted === 'string') {
    throw refuse('EXACTLY_ONE_SOURCE', provider === 'statement' ? 'statement' : 'token');
  }
  return provider === 'statement' ? { provider, label, statement: wanted } : { provider, label, token: wanted };
}

function isProvider(provider: string): provider is Provider {
  return Object.hasOwn(TYPE_OF_PROVIDER, provider);
}

function refuse(code: WalletRefusal, field: string): Refusal<WalletRefusal> {
  return new Refusal(code, [field]);
}
