import Stripe from 'stripe';
import type { UserId } from '../../platform/ids.ts';
import { ProviderRefusedError, type SavedCard } from '../card-provider.ts';
import { formatCardReference, parseCardReference } from './card-reference.ts';
import { callStripe, codeOf, unknownOutcome } from './stripe-call.ts';

const OWNER_ID = 'owner_id';
/** What an app gets from Stripe for a card. Anything else is not even asked for. */
const TOKEN = /^pm_[A-Za-z0-9_]{1,200}$/;

/**
 * Keeps the card behind a token. Stripe's SetupIntent asks the issuer whether the card may be charged later and, on yes,
 * attaches it to the customer; a bare "attach" would ask less and be declined more often afterwards. An issuer's no (or its
 * wish to see the customer) is no reason not to link the card: it may pass, and the deposit tells the customer why not.
 */
export async function saveCard(
  stripe: Stripe,
  token: string,
  ownerId: UserId,
  signal: AbortSignal,
): Promise<SavedCard> {
  if (!TOKEN.test(token)) throw new ProviderRefusedError('resource_missing', 'There is no such card.');
  try {
    const method = await callStripe(() => stripe.paymentMethods.retrieve(token), signal);
    if (!method.card) throw new ProviderRefusedError('payment_method_not_available', 'Only cards can be linked.');
    const customer = await customerOf(stripe, ownerId, signal);
    if (method.customer !== null && idOf(method.customer) !== customer) {
      // A card that another customer linked is as if it were not there.
      throw new ProviderRefusedError('resource_missing', 'There is no such card.');
    }
    const ready = await setUp(stripe, customer, method.id, signal);
    return toSavedCard(formatCardReference({ customer, paymentMethod: method.id, ready }), method.card);
  } catch (error) {
    throw refusalOf(error);
  }
}

/** The card as Stripe knows it now; null when it was removed there. */
export async function findCard(stripe: Stripe, reference: string, signal: AbortSignal): Promise<SavedCard | null> {
  const { customer, paymentMethod, ready } = parseCardReference(reference);
  const method = await findMethod(stripe, paymentMethod, signal);
  if (!method?.card) return null;
  const owner = method.customer === null ? null : idOf(method.customer);
  // A card that is not set up belongs to nobody yet; one that was and does so no more has been removed.
  const known = owner === customer || (owner === null && !ready);
  return known ? toSavedCard(reference, method.card) : null;
}

/** Detaches the card from the customer, after which Stripe lets nobody charge it. */
export async function removeCard(stripe: Stripe, reference: string, signal: AbortSignal): Promise<void> {
  const { customer, paymentMethod } = parseCardReference(reference);
  const method = await findMethod(stripe, paymentMethod, signal);
  if (!method || method.customer === null || idOf(method.customer) !== customer) return;
  try {
    await callStripe(() => stripe.paymentMethods.detach(paymentMethod), signal);
  } catch (error) {
    // Somebody else was quicker: then it is as wished.
    if (error instanceof Stripe.errors.StripeInvalidRequestError && !(await isAttached(stripe, paymentMethod, signal)))
      return;
    throw refusalOf(error);
  }
}

async function isAttached(stripe: Stripe, paymentMethod: string, signal: AbortSignal): Promise<boolean> {
  const method = await findMethod(stripe, paymentMethod, signal);
  return method !== null && method.customer !== null;
}

/**
 * Stripe's customer for one of ours. Found by metadata, else made under a key of the owner's: the key joins requests of the
 * same time, which the search does not know yet, and the search those of later days, when Stripe has forgotten the key.
 */
async function customerOf(stripe: Stripe, ownerId: UserId, signal: AbortSignal): Promise<string> {
  const query = `metadata['${OWNER_ID}']:'${ownerId}'`;
  const { data } = await callStripe(() => stripe.customers.search({ query, limit: 1 }), signal);
  if (data[0]) return data[0].id;
  const made = await callStripe(
    () => stripe.customers.create({ metadata: { [OWNER_ID]: ownerId } }, { idempotencyKey: `customer_${ownerId}` }),
    signal,
  );
  return made.id;
}

/** True when the card may be charged later without its holder. */
async function setUp(stripe: Stripe, customer: string, paymentMethod: string, signal: AbortSignal): Promise<boolean> {
  try {
    const intent = await callStripe(
      () =>
        stripe.setupIntents.create({
          customer,
          payment_method: paymentMethod,
          // Nobody is there to be sent to a bank's page.
          automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
          usage: 'off_session',
          confirm: true,
        }),
      signal,
    );
    return intent.status === 'succeeded';
  } catch (error) {
    if (error instanceof Stripe.errors.StripeCardError) return false;
    throw error;
  }
}

/** A payment method by its id; null when Stripe knows none. */
async function findMethod(stripe: Stripe, id: string, signal: AbortSignal): Promise<Stripe.PaymentMethod | null> {
  try {
    return await callStripe(() => stripe.paymentMethods.retrieve(id), signal);
  } catch (error) {
    if (error instanceof Stripe.errors.StripeInvalidRequestError && error.statusCode === 404) return null;
    throw refusalOf(error);
  }
}

/** Stripe's no to what moves no money, or that it is not known what Stripe did. */
function refusalOf(error: unknown): Error {
  if (error instanceof ProviderRefusedError) return error;
  const refused =
    error instanceof Stripe.errors.StripeInvalidRequestError || error instanceof Stripe.errors.StripeCardError;
  return refused ? new ProviderRefusedError(codeOf(error), error.message) : unknownOutcome(error);
}

function toSavedCard(reference: string, card: Stripe.PaymentMethod.Card): SavedCard {
  return { reference, brand: card.brand, last4: card.last4, expiresMonth: card.exp_month, expiresYear: card.exp_year };
}

function idOf(customer: string | { id: string }): string {
  return typeof customer === 'string' ? customer : customer.id;
}
