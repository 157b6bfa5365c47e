import { emailHash } from '../../platform/email-hash.ts';
import type { AccountId } from '../../platform/ids.ts';
import type { CreateTransferCall, CreateTransferDeps } from './call.ts';
import { ownSource, planTransfer, type AccountCommand } from './domain.ts';
import type { FoundAccount, FoundRecipient } from './lookup-store.ts';
import { judgeRecipient, labelOf } from './payees.ts';
import type { PlannedEnd } from './transfer-batch.ts';

/** Kind and ends of a transfer that may be made, as far as planning can say. */
export interface Ends {
  type: 'INTERNAL' | 'EXCHANGE';
  source: PlannedEnd;
  destination: PlannedEnd;
  /** The currency of the destination. */
  to: string;
}

/** What was looked up for the two ends of a command, whosever it is. */
export interface LookedUp {
  source: FoundAccount | null;
  /** Where the destination is named by its id. */
  account: FoundAccount | null;
  /** Where it is named by email. */
  recipient: FoundRecipient | null;
}

/** Looks up both ends of a command. Nobody is judged yet, and nothing of it told. */
export async function lookUpEnds(
  { lookups, secrets }: Pick<CreateTransferDeps, 'lookups' | 'secrets'>,
  { source: from, destination: to, amount }: AccountCommand,
): Promise<LookedUp> {
  const find = async (id: AccountId | null) => id && lookups.account(id);
  const [source, account, recipient] = await Promise.all([
    find(from.id),
    to.kind === 'account' ? find(to.id) : null,
    to.kind === 'email' ? lookups.recipient(emailHash(secrets, to.email), amount.currency) : null,
  ]);
  return { source, account, recipient };
}

/** Judges both ends, in the order of domain.ts, and names them for statements. Refuses like planTransfer. */
export async function planEnds(
  deps: CreateTransferDeps,
  { viewer, signal }: CreateTransferCall,
  command: AccountCommand,
  { source: from, account, recipient }: LookedUp,
): Promise<Ends> {
  // The source is judged before any email is: who names no account of their own learns nothing about emails.
  const own = ownSource(viewer.userId, from);
  const { destination: to, amount } = command;
  const found =
    to.kind === 'email'
      ? await judgeRecipient(deps, viewer, { email: to.email, currency: amount.currency, found: recipient!, signal })
      : account;
  const { type, source, destination } = planTransfer(command, own.account, found?.account ?? null);
  const [sourceName, destinationName] = await Promise.all([labelOf(deps, own, signal), labelOf(deps, found!, signal)]);
  // Both ends of an exchange are one person's: the currency tells them apart.
  const label = (name: string, currency: string) => (type === 'EXCHANGE' ? `${name} (${currency})` : name);
  return {
    type,
    source: { accountId: source.id, ownerId: source.ownerId, label: label(sourceName, source.currency) },
    destination: {
      accountId: destination.id,
      ownerId: destination.ownerId,
      label: label(destinationName, destination.currency),
    },
    to: destination.currency,
  };
}
