import type Stripe from 'stripe';
import { idTime, type TransferId } from '../../platform/ids.ts';
import { ProviderOutcomeUnknownError, type Charge } from '../card-provider.ts';
import { chargeOfIntent } from './charge-outcome.ts';
import { callStripe, TRANSFER_ID, unknownOutcome } from './stripe-call.ts';

const PAGE_SIZE = 100;
const MAX_PAGES = 10;
/** Stripe's search lags by seconds, and by up to an hour when Stripe has trouble; older charges it has for sure. */
const SEARCH_LAG_MS = 2 * 3_600_000;
/** How far this clock and Stripe's may be apart. */
const CLOCK_SKEW_MS = 10 * 60_000;

/** The charge made for a transfer; null when there is none. Throws when Stripe cannot tell. */
export async function findCharge(stripe: Stripe, transferId: TransferId, signal: AbortSignal): Promise<Charge | null> {
  try {
    const intent = await findIntent(stripe, transferId, signal);
    return intent ? await chargeOfIntent(stripe, intent, signal) : null;
  } catch (error) {
    throw unknownOutcome(error);
  }
}

/** What Stripe made of the charge for a transfer; null when there is none. Throws what Stripe throws. */
export async function findIntent(
  stripe: Stripe,
  transferId: TransferId,
  signal: AbortSignal,
): Promise<Stripe.PaymentIntent | null> {
  const found = await search(stripe, transferId, signal);
  const intents = found.length > 0 ? found : await listRecent(stripe, transferId, signal);
  // One key makes one charge; were there ever more, the one with the money in it counts.
  return (
    intents.find(({ status }) => status === 'succeeded') ??
    intents.find(({ status }) => status === 'processing') ??
    intents[0] ??
    null
  );
}

/** Asks the search for the ids alone: what it knows of an intent may be old, and money hangs on its status. */
async function search(stripe: Stripe, transferId: TransferId, signal: AbortSignal): Promise<Stripe.PaymentIntent[]> {
  // An id has only hexadecimal digits and dashes: it cannot end the quotes.
  const query = `metadata['${TRANSFER_ID}']:'${transferId}'`;
  const { data } = await callStripe(() => stripe.paymentIntents.search({ query, limit: PAGE_SIZE }), signal);
  const intents: Stripe.PaymentIntent[] = [];
  for (const { id } of data) intents.push(await callStripe(() => stripe.paymentIntents.retrieve(id), signal));
  return intents;
}

/** Reads the list, which is always up to date, over the time that the search may not know yet; newest first. */
async function listRecent(
  stripe: Stripe,
  transferId: TransferId,
  signal: AbortSignal,
): Promise<Stripe.PaymentIntent[]> {
  // No charge is older than its transfer.
  const since = Math.max(idTime(transferId), Date.now() - SEARCH_LAG_MS) - CLOCK_SKEW_MS;
  const created = { gte: Math.floor(since / 1000) };
  let after: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { data, has_more: more } = await callStripe(
      () => stripe.paymentIntents.list({ created, limit: PAGE_SIZE, ...(after && { starting_after: after }) }),
      signal,
    );
    const intents = data.filter(({ metadata }) => metadata[TRANSFER_ID] === transferId);
    if (intents.length > 0) return intents;
    if (!more) return [];
    after = data.at(-1)!.id;
  }
  throw new ProviderOutcomeUnknownError(
    'there are more recent charges than are looked through: the search will know later',
  );
}
