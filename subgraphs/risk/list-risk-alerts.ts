import { parseId, type UserId } from '../../platform/ids.ts';
import { parsePage, positionOfForm, toConnection, type Connection } from '../../platform/pagination.ts';
import type { StoredAlert } from './alert-store.ts';
import type { RiskLoaders } from './loaders.ts';

const isPosition = positionOfForm(/^[1-9][0-9]{0,17}$/);

/** A person's alerts, newest first; who may see them has been asked before. */
export async function listRiskAlerts(
  { alertPages }: Pick<RiskLoaders, 'alertPages'>,
  userIdText: string,
  args: { first?: number | null; after?: string | null },
): Promise<Connection<StoredAlert>> {
  const page = parsePage(args, `user.riskAlerts:${userIdText}`, {}, isPosition);
  const userId = parseId<UserId>(userIdText);
  // What has not the form of an id is no person, and has no alerts.
  const rows = userId ? await alertPages.load({ userId, before: page.after?.[0] ?? null, limit: page.limit + 1 }) : [];
  return toConnection(
    rows,
    page,
    ({ number }) => [number],
    (alert) => alert,
  );
}
