import type { Queryable } from '../../../platform/db.ts';

/** What must not leave the bank for now. */
export interface Pauses {
  all: boolean;
  currencies: ReadonlySet<string>;
  providers: ReadonlySet<string>;
}

/** Read it right before money goes out, each time: that is how a pause holds at once in every process. */
export async function readPauses(db: Queryable): Promise<Pauses> {
  const { rows } = await db.query<{ scope: 'ALL' | 'PROVIDER' | 'CURRENCY'; subject: string }>({
    name: 'transfer-read-pauses',
    text: 'SELECT scope, subject FROM transfer.outgoing_pause WHERE resumed_at IS NULL',
  });
  const subjects = (scope: string) => new Set(rows.filter((row) => row.scope === scope).map(({ subject }) => subject));
  return { all: subjects('ALL').size > 0, currencies: subjects('CURRENCY'), providers: subjects('PROVIDER') };
}
