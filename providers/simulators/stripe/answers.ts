/** An answer of Stripe's: a status and a body. */
export interface Answer {
  status: number;
  body: unknown;
}

/** Stripe's error object (https://docs.stripe.com/api/errors). */
export interface StripeFault {
  type: 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error';
  message: string;
  code?: string;
  decline_code?: string;
  param?: string;
  doc_url?: string;
  charge?: string;
  payment_intent?: unknown;
  setup_intent?: unknown;
  payment_method?: unknown;
}

/** Thrown for what Stripe answers with an error. */
export class StripeError extends Error {
  override readonly name = 'StripeError';
  readonly status: number;
  readonly fault: StripeFault;

  constructor(status: number, fault: StripeFault) {
    super(fault.message);
    this.status = status;
    this.fault = fault.code
      ? { ...fault, doc_url: `https://stripe.com/docs/error-codes/${dashed(fault.code)}` }
      : fault;
  }
}

/** A request that makes no sense or that cannot be granted. */
export function invalidRequest(
  message: string,
  more: { code?: string; param?: string } = {},
  status = 400,
): StripeError {
  return new StripeError(status, { type: 'invalid_request_error', message, ...more });
}

/** 404 for an id in the path, 400 for one in a parameter. */
export function noSuch(kind: string, id: string, param: string, status: 400 | 404 = 404): StripeError {
  return invalidRequest(`No such ${kind}: '${id}'`, { code: 'resource_missing', param }, status);
}

function dashed(code: string): string {
  return code.replaceAll('_', '-');
}
