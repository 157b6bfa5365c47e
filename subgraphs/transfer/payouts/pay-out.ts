import { z } from 'zod';
import { withRetry } from '../../../platform/db.ts';
import { parseId, type TransferId } from '../../../platform/ids.ts';
import type { JobTask } from '../../../platform/jobs.ts';
import { POLICY } from '../../../platform/policy.ts';
import {
  ProviderUnreachableError,
  type Payout,
  type PayoutProvider,
  type PayoutRequest,
} from '../../../providers/payout-provider.ts';
import type { ProviderRegistry } from '../../../providers/registry.ts';
import { readPauses } from '../operations/pauses.ts';
import { chooseProvider } from './choose-provider.ts';
import { compensatePayout, endWithoutMoney } from './compensate-payout.ts';
import {
  closeAttempt,
  isStillToSend,
  notePayout,
  readPayout,
  sendPayout,
  type Attempt,
  type StoredPayout,
} from './payout-store.ts';
import { wantedPayout } from './plan-payout.ts';
import { PayoutOpenError, recordAnswer, type AnswerDeps } from './record-answer.ts';
import { answered, deadlineOf, openSendWindow, type SendWindow } from './send-window.ts';
import { standBack, waitForProviders } from './wait-payout.ts';

/*
 * The job of one payout. It may be cut off anywhere, run again, and run twice at once, because each thing it does is safe to repeat: steps
 * are taken under the transfer's lock, a provider pays a key once, the hold is captured once, and the database lets no second attempt be
 * open while the first may pay.
 *
 * 1. Read. What has ended, or waits for a review, is done. While no attempt is open and a provider has contradicted itself, or the account was frozen
 *    before anything was sent, it goes no further and the job is tried again.
 * 2. No attempt is open: choose who carries it, write SENT_TO_PROVIDER with the attempt, and only then send, outside any transaction. Whoever
 *    comes after a crash knows that the provider may have it. It is sent at once or not by this job (send-window.ts): another may have taken over.
 * 3. An attempt is open: ask that same provider, by our key. Never another, and nothing is sent again, before it has said "not here".
 * 4. SUCCEEDED: capture. PENDING: PROVIDER_PROCESSING, and the job is tried again. DECLINED, unreachable, "not here": back to 2 with the
 *    next; when nobody is left, the money is released and it has FAILED. Anything else is unknown: PROVIDER_CONFIRMING, the hold
 *    stays, and the job is tried again.
 * 5. Those who are left cannot be reached: BALANCE_RESERVED, step AWAITING_PROVIDER (wait-payout.ts), and 2 again while its hold lives.
 */

export interface PayOutDeps extends AnswerDeps {
  payouts: ProviderRegistry;
}

/** The failure codes that are ours; all others are the provider's. */
const NO_PROVIDER = 'no_provider';
const UNREACHABLE = 'provider_unreachable';
const NOT_HERE = 'not_sent';
const METHOD_DISCONNECTED = 'payment_method_disconnected';

/** More rounds than all providers have attempts. */
const MOST_ROUNDS = 50;

const payloadSchema = z.object({ transferId: z.string() });

/** The job "pay-out". */
export function createPayOut(deps: PayOutDeps): JobTask {
  return async (payload, signal) => {
    const transferId = parseId<TransferId>(payloadSchema.parse(payload).transferId);
    if (!transferId) throw new Error('a job without a transfer id');
    await payOut(deps, transferId, signal);
  };
}

/** Brings a payout to its end, or throws PayoutOpenError after writing down how far it came. */
export async function payOut(deps: PayOutDeps, transferId: TransferId, signal: AbortSignal): Promise<void> {
  let begun: number | null = null;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const payout = await readPayout(deps.pool, transferId);
    if (!payout) return;
    begun ??= payout.attempts.length;
    if (payout.status === 'COMPENSATING') return compensatePayout(deps, payout);
    if (!mayGoOn(payout)) return;
    const open = payout.attempts.find(({ outcome }) => outcome === null);
    if (!open && payout.waitsFor) {
      await standBack(deps, payout);
      throw new PayoutOpenError(`payout ${transferId} waits for its ${payout.waitsFor.toLowerCase()}`);
    }
    const next = open ? await askAgain(deps, payout, open, signal) : await sendToNext(deps, payout, begun, signal);
    if (next === 'ENDED') return;
  }
  throw new PayoutOpenError(`payout ${transferId} goes round in circles`);
}

function mayGoOn({ status }: StoredPayout): boolean {
  return (
    status === 'BALANCE_RESERVED' ||
    status === 'SENT_TO_PROVIDER' ||
    status === 'PROVIDER_PROCESSING' ||
    status === 'PROVIDER_CONFIRMING'
  );
}

/** ENDED: nothing is left to do here. AGAIN: look how it stands now, and go on. */
type Next = 'ENDED' | 'AGAIN';

/** `begun` is how many attempts there were when this run of the job began. */
async function sendToNext(deps: PayOutDeps, payout: StoredPayout, begun: number, signal: AbortSignal): Promise<Next> {
  const { pool, payouts, wakeUp } = deps;
  const { transferId, destination, amount, description, preference } = payout;
  // Only before anything was sent: what a provider may have had goes where it went.
  if (!payout.methodActive && payout.attempts.every(({ outcome }) => outcome === 'UNREACHABLE')) {
    await endWithoutMoney(deps, payout, { code: METHOD_DISCONNECTED, note: null });
    return 'AGAIN';
  }
  const wanted = wantedPayout(destination, amount);
  const candidates = payouts.candidates(wanted, preference);
  const choice = chooseProvider(payout, candidates, await readPauses(pool), { ...POLICY.payouts, begun });
  if (choice === 'PAUSED') {
    await standBack(deps, payout);
    throw new PayoutOpenError(`payout ${transferId}: nothing may leave that way for now`);
  }
  const waiting = choice === 'UNREACHABLE' ? await waitForProviders(deps, transferId) : null;
  if (waiting === 'WAITS') return 'ENDED';
  if (waiting === 'ELSEWHERE') return 'AGAIN';
  if (choice === 'NONE' || choice === 'UNREACHABLE') {
    await endWithoutMoney(deps, payout, choice === 'NONE' ? whyNot(payout) : { code: UNREACHABLE, note: null });
    return 'AGAIN';
  }
  const { provider } = choice.chosen;
  const window = openSendWindow(signal);
  const { figures, note } = choice;
  const sent = await withRetry(() => sendPayout(pool, transferId, { provider: provider.name, figures, note }));
  wakeUp.signal();
  // It has ended, or somebody else is at it: what is there now says.
  if (!sent) return 'AGAIN';
  const request = { key: keyOf(transferId), transferId, ...amount, destination, description };
  return send(deps, provider, request, { number: sent, provider: provider.name, outcome: null }, window);
}

/** Our own name for a payout at every provider. */
export function keyOf(transferId: TransferId): string {
  return transferId.replaceAll('-', '');
}

type OpenAttempt = Pick<Attempt, 'number' | 'provider' | 'outcome'>;

async function send(
  deps: PayOutDeps,
  provider: PayoutProvider,
  request: PayoutRequest,
  attempt: OpenAttempt,
  window: SendWindow,
): Promise<Next> {
  const { transferId } = request;
  // Who was held up here may find that somebody else has taken over. Nothing is sent then: what is there now says how it goes on.
  const isOpen = await isStillToSend(deps.pool, { transferId, number: attempt.number });
  if (!isOpen || !window.mayBegin()) return 'AGAIN';
  let said: Payout;
  try {
    said = await answered(window.deadline, (deadline) => provider.send(request, deadline));
  } catch (error) {
    // This alone says that nothing was sent. Whatever else went wrong, money may be on its way.
    if (!(error instanceof ProviderUnreachableError)) return stayOpen(deps, transferId, attempt, error);
    await closeAttempt(
      deps.pool,
      { transferId, number: attempt.number },
      {
        outcome: 'UNREACHABLE',
        code: UNREACHABLE,
        message: error.message,
      },
    );
    return 'AGAIN';
  }
  return take(deps, transferId, attempt, said);
}

/** Asks the provider of an open attempt what became of it. */
async function askAgain(deps: PayOutDeps, payout: StoredPayout, attempt: Attempt, signal: AbortSignal): Promise<Next> {
  const { transferId } = payout;
  let said: Payout | null;
  try {
    said = await findPayout(deps, payout, attempt, signal);
  } catch (error) {
    // Also when it cannot be reached: who cannot be asked has not said "not here".
    return stayOpen(deps, transferId, attempt, error);
  }
  if (said) return take(deps, transferId, attempt, said);
  await closeAttempt(
    deps.pool,
    { transferId, number: attempt.number },
    {
      outcome: 'NOT_HERE',
      code: NOT_HERE,
      message: 'The provider never took it.',
    },
  );
  return 'AGAIN';
}

/**
 * What the provider of an attempt says by our key; null when it never took it and never will. That counts only when nothing that we sent can
 * still be on its way: another process, slow or taken for dead, may be sending it at this moment. Throws when it is not known.
 */
export async function findPayout(
  { payouts }: Pick<PayOutDeps, 'payouts'>,
  { transferId, destination, amount }: Pick<StoredPayout, 'transferId' | 'destination' | 'amount'>,
  { provider: name, sentAt, sentAgoMs, outcome, reference }: Omit<Attempt, 'number' | 'code' | 'message'>,
  signal: AbortSignal,
): Promise<Payout | null> {
  const provider = payouts.find(name);
  if (!provider) throw new Error(`this bank cannot ask ${name}`);
  const refunded = destination.kind === 'CHARGE' && { depositId: destination.depositId };
  const said = await answered(deadlineOf(signal), (deadline) =>
    provider.find({ key: keyOf(transferId), transferId, sentAt, amount, reference, ...refunded }, deadline),
  );
  if (!said && outcome === null && sentAgoMs < POLICY.payouts.notHereAfterMs) {
    throw new PayoutOpenError(`payout ${transferId}: ${name} does not have it, and may still be getting it`);
  }
  return said;
}

async function take(deps: PayOutDeps, transferId: TransferId, attempt: OpenAttempt, said: Payout): Promise<Next> {
  const verdict = await recordAnswer(deps, transferId, attempt, said);
  if (verdict === 'NOTED') throw new PayoutOpenError(`payout ${transferId}: ${attempt.provider} still works on it`);
  // Money that cannot be booked is before staff now, whose retry makes a job. After a contradiction it waits for them, or has ended.
  return verdict === 'STUCK' ? 'ENDED' : 'AGAIN';
}

async function stayOpen(
  { pool, wakeUp }: PayOutDeps,
  transferId: TransferId,
  { number, provider }: OpenAttempt,
  cause: unknown,
): Promise<never> {
  await notePayout(
    pool,
    { transferId, number },
    {
      status: 'PROVIDER_CONFIRMING',
      note: `${provider} has not said yet what became of it.`,
    },
  );
  wakeUp.signal();
  throw new PayoutOpenError(`payout ${transferId}: ${provider} has not said what became of it`, { cause });
}

/** Why nobody carries it: the newest no of a provider, or that none could be asked. */
function whyNot({ attempts }: StoredPayout): { code: string; note: string | null } {
  const said = attempts.findLast(({ outcome }) => outcome === 'DECLINED') ?? attempts.at(-1);
  return said ? { code: said.code ?? NOT_HERE, note: said.message } : { code: NO_PROVIDER, note: null };
}
