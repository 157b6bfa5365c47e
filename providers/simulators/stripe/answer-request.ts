import { createHash } from 'node:crypto';
import { invalidRequest, StripeError, type Answer } from './answers.ts';
import { canonical, type Form } from './form.ts';
import { findRoute } from './routes.ts';
import type { Store, StripeObject } from './store.ts';

/** One request as it came over the wire, with the key checked and its form read. */
export interface WireRequest {
  method: string;
  path: string;
  form: Form;
  idempotencyKey: string | undefined;
  requestId: string;
}

export interface WireAnswer extends Answer {
  headers: Record<string, string>;
}

export interface AnswerOptions {
  store: Store;
  /** Keys of requests that are being answered at the moment. */
  inFlight: Set<string>;
  searchLagMs: number;
  holdsPayments: boolean;
  payoutStepMs: number;
  /** Awaited before the work begins, with the key in flight. */
  before(): Promise<void>;
  /** Awaited when the work is done and on the disk, with the key still in flight. */
  after(): Promise<void>;
}

const MAX_KEY_LENGTH = 255;

/**
 * Answers a request as Stripe does (https://docs.stripe.com/api/idempotent_requests): a key met before gives the first answer
 * again, errors included; met with other parameters it is refused; met while the first is under way it is a conflict. What
 * fails before the endpoint begins (a parameter that makes no sense) is not kept. Keys are kept for ever, Stripe's at least
 * a day.
 */
export async function answerRequest(request: WireRequest, options: AnswerOptions): Promise<WireAnswer> {
  const { method, path, form, requestId } = request;
  const { store, inFlight } = options;
  const key = method === 'POST' ? request.idempotencyKey : undefined;
  if (key === undefined) {
    await options.before();
    const { answer, puts } = run(request, options);
    await (puts.length > 0 ? store.commit(puts) : store.settled());
    await options.after();
    return { ...answer, headers: {} };
  }
  if (key === '' || key.length > MAX_KEY_LENGTH) {
    throw invalidRequest(`Idempotency keys have 1 to ${MAX_KEY_LENGTH} characters.`);
  }
  const fingerprint = createHash('sha256')
    .update(`${method} ${path}\n${canonical(form)}`)
    .digest('base64');
  // First of all, because an answer is kept before it is given.
  if (inFlight.has(key)) throw keyInUse(key);
  const kept = store.kept(key);
  if (kept) {
    if (kept.fingerprint !== fingerprint) throw reusedKey(key);
    await options.before();
    await options.after();
    const { status, body } = kept;
    return { status, body, headers: { 'idempotent-replayed': 'true', 'original-request': kept.requestId } };
  }
  inFlight.add(key);
  try {
    await options.before();
    const { answer, puts, began } = run(request, options);
    if (began) await store.commit(puts, [key, { ...answer, fingerprint, requestId }]);
    await options.after();
    return { ...answer, headers: {} };
  } finally {
    inFlight.delete(key);
  }
}

/** Runs an endpoint; its changes are made by whoever commits them. */
function run(
  { method, path, form }: WireRequest,
  { store, holdsPayments, payoutStepMs, searchLagMs }: AnswerOptions,
): { answer: Answer; puts: StripeObject[]; began: boolean } {
  const route = findRoute(method, path);
  if (!route) throw invalidRequest(`Unrecognized request URL (${method}: ${path}).`, {}, 404);
  const puts: StripeObject[] = [];
  const put = (object: StripeObject) => void puts.push(object);
  try {
    const answer = route.handler({ store, id: route.id, form, holdsPayments, payoutStepMs, searchLagMs, put });
    return { answer, puts, began: true };
  } catch (error) {
    if (!(error instanceof StripeError)) throw error;
    const { status, fault } = error;
    const began = !fault.code?.startsWith('parameter_');
    return { answer: { status, body: { error: fault } }, puts, began };
  }
}

function reusedKey(key: string): StripeError {
  return new StripeError(400, {
    type: 'idempotency_error',
    message: `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
  });
}

function keyInUse(key: string): StripeError {
  return new StripeError(409, {
    type: 'idempotency_error',
    code: 'idempotency_key_in_use',
    message: `There is currently another in-progress request using this Idempotency Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`,
  });
}
