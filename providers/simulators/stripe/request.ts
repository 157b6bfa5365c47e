import type { Answer } from './answers.ts';
import type { Form } from './form.ts';
import type { Store, StripeObject } from './store.ts';

/** One request on its way through a handler: what it asks, and what it changes when it is done. */
export interface StripeRequest {
  store: Store;
  /** The id in the path; empty where there is none. */
  id: string;
  form: Form;
  /** Whether an issuer's yes is held back as "processing", because the test wants it so. */
  holdsPayments: boolean;
  /** Between two steps that a payout takes by itself. */
  payoutStepMs: number;
  /** How long ago a change has to be for the search to know it. */
  searchLagMs: number;
  /** Notes a change; all of them are made together with the answer. */
  put: (object: StripeObject) => void;
}

/** What one endpoint does. Does not wait: two requests never meet halfway. */
export type Handler = (request: StripeRequest) => Answer;
