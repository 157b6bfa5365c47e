import type { Queryable } from '../../platform/db.ts';
import { parseId, type AlertId } from '../../platform/ids.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { acknowledgeAlert, type StoredAlert } from './alert-store.ts';
import { refuse } from './refusals.ts';

/** Marks one of the viewer's alerts as seen. Doing it again changes nothing: the first time stays. */
export async function acknowledgeRiskAlert(
  { pool }: { pool: Queryable },
  { userId }: Viewer,
  idText: string,
): Promise<StoredAlert> {
  const id = parseId<AlertId>(idText);
  const alert = id && (await acknowledgeAlert(pool, { userId, id }));
  if (!alert) throw refuse('ALERT_NOT_FOUND', ['id']);
  return alert;
}
