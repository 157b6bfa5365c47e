import type { Listener } from '../../platform/event-listeners.ts';
import type { JobTask } from '../../platform/jobs.ts';
import type { PeriodicTask } from '../../platform/periodic.ts';
import type { Resolvers } from './generated/resolvers.ts';

/** One part of this subgraph that stands by itself (payouts, quotes, schedules …): what it adds to the whole. */
export interface Room {
  resolvers?: Resolvers;
  listeners?: readonly Listener[];
  /** Jobs, by the name that they are enqueued under. */
  tasks?: Readonly<Record<string, JobTask>>;
  /** Jobs that take long and may be many: they have workers of their own, so that nobody's payment waits behind them. */
  bulkTasks?: Readonly<Record<string, JobTask>>;
  periodic?: readonly PeriodicTask[];
  /** Questions of platform/questions/ that it answers. */
  answers?: Readonly<Record<string, (question: unknown) => Promise<unknown>>>;
  /** Ends what it holds open; called when nothing of the above runs any more. */
  close?(): Promise<void>;
}

/** All resolvers in one map. Throws when two rooms resolve the same field: one of them would be forgotten. */
export function mergeResolvers(parts: readonly (Resolvers | undefined)[]): Resolvers {
  const merged: Record<string, Record<string, unknown>> = {};
  for (const part of parts) {
    for (const [type, fields] of Object.entries(part ?? {})) {
      const known = (merged[type] ??= {});
      for (const [field, resolver] of Object.entries(fields as Record<string, unknown>)) {
        if (field in known) throw new Error(`${type}.${field} is resolved twice`);
        known[field] = resolver;
      }
    }
  }
  return merged;
}
