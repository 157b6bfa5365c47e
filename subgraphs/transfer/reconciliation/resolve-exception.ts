import type { Queryable } from '../../../platform/db.ts';
import { parseId, type TransferId } from '../../../platform/ids.ts';
import { answerRefusals, Refusal, type UserError } from '../../../platform/refusal.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import { closeException, type StoredException } from './exception-store.ts';
import { RECONCILIATION_REFUSALS, type ReconciliationRefusal } from './refusals.ts';

const MAX_RESOLUTION_CHARACTERS = 500;

/** Closes an exception that no later report will close, with what a person found and did. It is not opened again. */
export function resolveReconciliationException(
  { pool }: { pool: Queryable },
  viewer: Viewer,
  { id: idText, resolution }: { id: string; resolution: string },
): Promise<{ exception: StoredException | null; userErrors: UserError[] }> {
  return answerRefusals<{ exception: StoredException | null; userErrors: UserError[] }, ReconciliationRefusal>(
    RECONCILIATION_REFUSALS,
    async () => {
      const text = resolution.trim();
      if (text === '' || [...text].length > MAX_RESOLUTION_CHARACTERS)
        throw new Refusal('INVALID_RESOLUTION', ['resolution']);
      // Exceptions have ids of the same form as everything else.
      const id = parseId<TransferId>(idText);
      const closed = id && (await closeException(pool, id, { by: viewer.userId, resolution: text }));
      if (!closed) throw new Refusal('EXCEPTION_NOT_FOUND', ['id']);
      if (!closed.wasOpen) throw new Refusal('EXCEPTION_CLOSED', ['id']);
      return { exception: closed.exception, userErrors: [] };
    },
    (userErrors) => ({ exception: null, userErrors }),
  );
}
