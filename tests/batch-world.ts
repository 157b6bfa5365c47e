import type { UserError } from '../platform/refusal.ts';
import { until } from './until.ts';

/*
 * Batches as tests ask for and look at them, through whatever `ask` speaks to.
 */

/** A batch with the first hundred of its items. */
export interface SeenBatch {
  id: string;
  status: string;
  counts: { total: number; pending: number; done: number; refused: number };
  endedAt: string | null;
  items: { edges: { cursor: string; node: SeenItem }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
}

export interface SeenItem {
  itemKey: string;
  status: string;
  transfer: { id: string; status: string } | null;
  userErrors: Pick<UserError, 'code' | 'field'>[];
}

export interface BatchAnswer {
  batch: SeenBatch | null;
  replayed: boolean;
  userErrors: Pick<UserError, 'code' | 'field' | 'retryable'>[];
}

const BATCH = `id status endedAt counts { total pending done refused }
  items(first: 100, after: $after) { edges { cursor node { itemKey status transfer { id status } userErrors { code field } } }
    pageInfo { hasNextPage endCursor } }`;

/** Runs an operation and gives its data; throws what went wrong. */
export type Ask = (query: string, variables: Record<string, unknown>) => Promise<Record<string, unknown>>;

export async function createBatch(ask: Ask, input: Record<string, unknown>): Promise<BatchAnswer> {
  const query = `mutation ($input: CreateBatchInput!, $after: String) {
    createBatch(input: $input) { batch { ${BATCH} } replayed userErrors { code field retryable } } }`;
  // The tests know the shape of what they ask for.
  return (await ask(query, { input }))['createBatch'] as BatchAnswer;
}

export async function seeBatch(ask: Ask, id: string, after: string | null = null): Promise<SeenBatch | null> {
  const query = `query ($id: ID!, $after: String) { batch(id: $id) { ${BATCH} } }`;
  return (await ask(query, { id, after }))['batch'] as SeenBatch | null;
}

/** The batch once it has ended. */
export async function endedBatch(ask: Ask, id: string, deadlineMs?: number): Promise<SeenBatch> {
  const found = await until(
    `the batch ${id} has ended`,
    async () => {
      const batch = await seeBatch(ask, id);
      return batch!.status === 'PROCESSING' ? null : batch;
    },
    deadlineMs,
  );
  return found!;
}

/** What became of each item. */
export const verdicts = (batch: SeenBatch) =>
  batch.items.edges.map(({ node: { itemKey, status, userErrors } }) =>
    [itemKey, status, ...userErrors.map(({ code }) => code)].join(' '),
  );
