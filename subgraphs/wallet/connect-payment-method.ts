import type { PaymentMethodType } from '../../platform/events.ts';
import type { PaymentMethodId, UserId } from '../../platform/ids.ts';
import { parseLabel } from '../../platform/label.ts';
import { Refusal } from '../../platform/refusal.ts';
import type { ProviderRegistry } from '../../providers/registry.ts';
import { connectCard, type ConnectCardDeps } from './connect-card.ts';
import { connectStatement, type ConnectStatementDeps } from './connect-statement.ts';
import { connectPayoutMethod, type ConnectPayoutMethodDeps } from './payout-methods/connect-payout-method.ts';
import {
  isPayoutMethodProvider,
  PAYOUT_TYPES,
  type PayoutMethodProvider,
  type PayoutMethodType,
} from './payout-methods/parse-payout-token.ts';
import type { WalletRefusal } from './refusals.ts';

export type ConnectPaymentMethodDeps = ConnectCardDeps & ConnectStatementDeps & ConnectPayoutMethodDeps;

/** What connectPaymentMethod takes. */
export interface ConnectPaymentMethodInput {
  type: PaymentMethodType;
  provider: string;
  label?: string | null;
  token?: string | null;
  statement?: string | null;
}

const LABEL_MAX_CHARACTERS = 80;

/** What can be linked at all; the other types are not offered yet. */
const OFFERED = new Set<PaymentMethodType>(['CARD', 'BANK_ACCOUNT', 'MOBILE_MONEY']);

/** Links an outside source of money and says which payment method it is: linked again, the same source is the same one. */
export async function connectPaymentMethod(
  deps: ConnectPaymentMethodDeps,
  ownerId: UserId,
  input: ConnectPaymentMethodInput,
  signal: AbortSignal,
): Promise<PaymentMethodId> {
  const request = parseConnect(deps, input);
  if (request.provider === 'statement') return connectStatement(deps, ownerId, request);
  if (request.provider === 'stripe') return connectCard(deps, ownerId, request, signal);
  return connectPayoutMethod(deps, ownerId, request);
}

type ConnectRequest =
  | { provider: 'statement'; label: string | null; statement: string }
  | { provider: 'stripe'; label: string | null; token: string }
  | { provider: PayoutMethodProvider; type: PayoutMethodType; label: string | null; token: string };

function parseConnect(
  { payouts }: Pick<ConnectPaymentMethodDeps, 'payouts'>,
  { type, provider, label: given, token, statement }: ConnectPaymentMethodInput,
): ConnectRequest {
  if (!OFFERED.has(type) || (type === 'MOBILE_MONEY' && !payouts)) throw refuse('FEATURE_UNAVAILABLE', 'type');
  if (!isOffered(payouts, provider)) throw refuse('UNSUPPORTED_PROVIDER', 'provider');
  if (!TYPES_OF_PROVIDER[provider].includes(type)) throw refuse('WRONG_PAYMENT_METHOD_TYPE', 'type');
  const label = given === null || given === undefined ? null : parseLabel(given, LABEL_MAX_CHARACTERS);
  if (label === '' || (label === null && typeof given === 'string')) throw refuse('INVALID_LABEL', 'label');
  const [wanted, unwanted] = provider === 'statement' ? [statement, token] : [token, statement];
  if (typeof wanted !== 'string' || typeof unwanted === 'string') {
    throw refuse('EXACTLY_ONE_SOURCE', provider === 'statement' ? 'statement' : 'token');
  }
  if (provider === 'statement') return { provider, label, statement: wanted };
  if (provider === 'stripe') return { provider, label, token: wanted };
  // What has passed TYPES_OF_PROVIDER for one of these providers is one of their types.
  return { provider, type: type as PayoutMethodType, label, token: wanted };
}

/** Who serves what. */
const TYPES_OF_PROVIDER = {
  stripe: ['CARD'],
  statement: ['BANK_ACCOUNT'],
  ...PAYOUT_TYPES,
} satisfies Record<string, readonly PaymentMethodType[]> as Record<Provider, readonly PaymentMethodType[]>;
type Provider = 'stripe' | 'statement' | PayoutMethodProvider;

/** Whether this bank links through a provider: nothing can be paid out through one that it is not wired with. */
function isOffered(payouts: ProviderRegistry | null, provider: string): provider is Provider {
  return isPayoutMethodProvider(provider) ? (payouts?.find(provider) ?? null) !== null : isProvider(provider);
}

function isProvider(provider: string): provider is Provider {
  return Object.hasOwn(TYPES_OF_PROVIDER, provider);
}

function refuse(code: WalletRefusal, field: string): Refusal<WalletRefusal> {
  return new Refusal(code, [field]);
}
