/** Where in the bank's folder the Stripe simulator keeps what it knows. */
export const STRIPE_SIMULATOR_FILE = 'stripe-simulator.jsonl';
