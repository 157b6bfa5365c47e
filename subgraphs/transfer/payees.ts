import type { Pool } from 'pg';
import { emailHash } from '../../platform/email-hash.ts';
import type { UserId } from '../../platform/ids.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { caughtUp } from './caught-up.ts';
import { PAYEES_LISTENER } from './listeners.ts';
import type { FoundAccount, FoundRecipient } from './lookup-store.ts';
import type { Lookups } from './lookups.ts';
import { refuse } from './refusals.ts';
import type { TransferStore } from './store.ts';

/*
 * Whom an email means, and what a customer is called, from this subgraph's own projection of UserRegistered. It lags behind
 * registration by milliseconds; so nobody is taken for unknown before the projection has seen every event that was in the
 * log when it was asked.
 */

export type PayeeDeps = Pick<SubgraphDeps, 'secrets' | 'limits' | 'listenersCaughtUp' | 'log'> & {
  pool: Pool;
  store: TransferStore;
};

/** Longer than the projection is ever behind while it runs. */
const CATCH_UP_MS = 2_000;

/** What a customer is called whose name has not arrived. A name that is late is no reason to keep money from moving. */
const UNKNOWN_NAME = 'DwayBank customer';

/**
 * The account that an email means, judged from what was looked up for it, if any. Every failure counts against the viewer, since it
 * answers "is this email a customer?"; after too many there is no answer at all, RATE_LIMITED.
 */
export async function judgeRecipient(
  deps: PayeeDeps & { lookups: Lookups },
  viewer: Viewer,
  { email, currency, found, signal }: { email: string; currency: string; found: FoundRecipient; signal: AbortSignal },
): Promise<FoundAccount | null> {
  await deps.limits.check('recipient-lookup-failure', viewer.userId);
  let recipient = found;
  if (!recipient.known) {
    if (!(await payeesCaughtUp(deps, signal))) throw refuse('RECIPIENTS_UNAVAILABLE', ['destination', 'email']);
    recipient = await deps.lookups.recipient(emailHash(deps.secrets, email), currency);
  }
  if (!recipient.account) await deps.limits.consume('recipient-lookup-failure', viewer.userId);
  return recipient.account;
}

/** What the owner of an account is called. */
export async function labelOf(deps: PayeeDeps, found: FoundAccount, signal: AbortSignal): Promise<string> {
  const { ownerId } = found.account;
  return found.displayName ?? (await labelsOf(deps, [ownerId], signal)).get(ownerId)!;
}

/** What each customer is called, for each of the ids. */
export async function labelsOf(
  deps: PayeeDeps,
  userIds: readonly UserId[],
  signal: AbortSignal,
): Promise<ReadonlyMap<UserId, string>> {
  const wanted = [...new Set(userIds)];
  let payees = await deps.store.findPayees(wanted);
  if (payees.length < wanted.length && (await payeesCaughtUp(deps, signal)))
    payees = await deps.store.findPayees(wanted);
  const names = new Map(payees.map(({ userId, displayName }) => [userId, displayName]));
  return new Map(wanted.map((userId) => [userId, names.get(userId) ?? UNKNOWN_NAME]));
}

/** True when the projection has every customer who had registered before this call; false when it takes too long. */
function payeesCaughtUp(deps: PayeeDeps, signal: AbortSignal): Promise<boolean> {
  return caughtUp(deps, PAYEES_LISTENER, { signal, withinMs: CATCH_UP_MS });
}
