import type { AccountId } from '../../platform/ids.ts';
import type { CreateTransferCall, CreateTransferDeps } from './call.ts';
import { ownSource, planTransfer, type AccountCommand } from './domain.ts';
import { findRecipientAccount, labelOf } from './payees.ts';
import type { FoundAccount } from './store.ts';
import type { PlannedEnd } from './transfer-batch.ts';

/** Kind and ends of a transfer that may be made, as far as planning can say. */
export interface Ends {
  type: 'INTERNAL' | 'EXCHANGE';
  source: PlannedEnd;
  destination: PlannedEnd;
  /** The currency of the destination. */
  to: string;
}

/** What was found for the accounts that a command names by id; whosever they are. */
export interface NamedAccounts {
  source: FoundAccount | null;
  /** Null also where the destination is named by email. */
  destination: FoundAccount | null;
}

/** Looks up the accounts that a command names by id. Nobody is judged yet. */
export async function findNamedAccounts(
  { lookups }: Pick<CreateTransferDeps, 'lookups'>,
  { source, destination }: AccountCommand,
): Promise<NamedAccounts> {
  const find = async (id: AccountId | null) => id && lookups.account(id);
  const [from, to] = await Promise.all([find(source.id), find(destination.kind === 'account' ? destination.id : null)]);
  return { source: from, destination: to };
}

/** Judges both ends, in the order of domain.ts, and names them for statements. Refuses like planTransfer. */
export async function planEnds(
  deps: CreateTransferDeps,
  { viewer, signal }: CreateTransferCall,
  command: AccountCommand,
  named: NamedAccounts,
): Promise<Ends> {
  // The source is judged before any email is looked up: who names no account of their own learns nothing about emails.
  const own = ownSource(viewer.userId, named.source);
  const found =
    command.destination.kind === 'account'
      ? named.destination
      : await findRecipientAccount(deps, viewer, {
          email: command.destination.email,
          currency: command.amount.currency,
          signal,
        });
  const { type, source, destination } = planTransfer(command, own.account, found?.account ?? null);
  const [from, to] = await Promise.all([labelOf(deps, own, signal), labelOf(deps, found!, signal)]);
  // Both ends of an exchange are one person's: the currency tells them apart.
  const label = (name: string, currency: string) => (type === 'EXCHANGE' ? `${name} (${currency})` : name);
  return {
    type,
    source: { accountId: source.id, ownerId: source.ownerId, label: label(from, source.currency) },
    destination: { accountId: destination.id, ownerId: destination.ownerId, label: label(to, destination.currency) },
    to: destination.currency,
  };
}
