import { appendEvents } from '../../platform/event-log.ts';
import type { PaymentMethodId, UserId } from '../../platform/ids.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import { importStatement } from './import-statement.ts';
import { linkPaymentMethod } from './link-payment-method.ts';
import { hashIdentity } from './source-identity.ts';
import { readStatement } from './statements/read-statement.ts';
import type { Statement } from './statements/statement.ts';
import type { WalletStore } from './store.ts';

export interface ConnectStatementDeps extends Pick<SubgraphDeps, 'clock' | 'secrets' | 'wakeUp'> {
  store: WalletStore;
}

/** What a payment method known by statement files is called in the graph. */
export const STATEMENT_PROVIDER = 'statement';

/** Links the outside account of a statement file and imports its lines; a file of an account that is linked adds what is new. */
export async function connectStatement(
  deps: ConnectStatementDeps,
  ownerId: UserId,
  { label, statement: file }: { label: string | null; statement: string },
): Promise<PaymentMethodId> {
  const now = deps.clock.now();
  const statement = await readStatement(file, now);
  const identity = statementIdentity(deps, statement);
  const id = await deps.store.transaction(async (tx) => {
    const source = {
      ownerId,
      type: 'BANK_ACCOUNT',
      provider: STATEMENT_PROVIDER,
      identity,
      label,
      madeLabel: statement.account.label,
      reference: null,
      currency: statement.currency,
      lastSync: null,
    } as const;
    const { method, linked, events } = await linkPaymentMethod(tx, source, now);
    const imported = await importStatement(tx, { method, statement, announce: linked, now });
    await appendEvents(tx, [...events, ...imported]);
    return method.id;
  });
  deps.wakeUp.signal();
  return id;
}

/** What makes the account of a statement the same one: its number at its bank, and its currency. */
export function statementIdentity(
  { secrets }: Pick<ConnectStatementDeps, 'secrets'>,
  { account, currency }: Statement,
): Buffer {
  return hashIdentity(secrets, [...account.identity, currency]);
}
