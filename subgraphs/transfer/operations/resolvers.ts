import type pg from 'pg';
import { answerRefusals, type UserError } from '../../../platform/refusal.ts';
import { requireRole } from '../../../platform/staff.ts';
import type { WakeUp } from '../../../platform/wake-up.ts';
import type { Resolvers } from '../generated/resolvers.ts';
import { readAlarms } from './alarms.ts';
import { listDeadLetters, resolveDeadLetter, retryDeadLetter, type StoredDeadLetter } from './dead-letters.ts';
import { listInterventions } from './intervention-store.ts';
import { listPauses, parseScope, pauseOutgoing, resumeOutgoing, type StoredPause } from './pauses.ts';
import { OPERATIONS_REFUSALS, type OperationsRefusal } from './refusals.ts';
import { resumePostingFor, stopPostingFor } from './switch-posting.ts';

/** What the operations of staff are wired with. */
export interface OperationsDeps {
  pool: pg.Pool;
  wakeUp: Pick<WakeUp, 'signal'>;
}

/** GraphQL in and out: translates, never decides. */
export function createOperationsResolvers({ pool, wakeUp }: OperationsDeps): Resolvers {
  const letterPayload = (work: () => Promise<StoredDeadLetter>) =>
    answerRefusals<{ deadLetter: StoredDeadLetter | null; userErrors: UserError[] }, OperationsRefusal>(
      OPERATIONS_REFUSALS,
      async () => {
        const deadLetter = await work();
        wakeUp.signal();
        return { deadLetter, userErrors: [] };
      },
      (userErrors) => ({ deadLetter: null, userErrors }),
    );
  const pausesPayload = (work: () => Promise<StoredPause[]>) =>
    answerRefusals<{ pauses: StoredPause[]; userErrors: UserError[] }, OperationsRefusal>(
      OPERATIONS_REFUSALS,
      async () => ({ pauses: await work(), userErrors: [] }),
      (userErrors) => ({ pauses: [], userErrors }),
    );
  return {
    Query: {
      outgoingPauses: (_root, _args, { viewer }) => {
        requireRole(viewer, 'SUPPORT', 'COMPLIANCE', 'ADMIN');
        return listPauses(pool);
      },
      deadLetters: (_root, args, { viewer }) => {
        requireRole(viewer, 'SUPPORT', 'ADMIN');
        return listDeadLetters(pool, args);
      },
      bankAlarms: (_root, _args, { viewer }) => {
        requireRole(viewer, 'SUPPORT', 'COMPLIANCE', 'ADMIN');
        return readAlarms(pool);
      },
    },
    Mutation: {
      pauseOutgoing: (_root, { scope, reason }, { viewer }) => {
        const { userId: actor } = requireRole(viewer, 'ADMIN');
        return pausesPayload(async () => pauseOutgoing(pool, parseScope(scope), { actor, reason }));
      },
      resumeOutgoing: (_root, { scope }, { viewer }) => {
        const { userId: actor } = requireRole(viewer, 'ADMIN');
        return pausesPayload(async () => resumeOutgoing(pool, parseScope(scope), actor));
      },
      stopPosting: async (_root, { reason }, { viewer }) => {
        const { userId: actor } = requireRole(viewer, 'ADMIN');
        return answerRefusals(
          OPERATIONS_REFUSALS,
          async () => ({
            postingStopped: await stopPostingFor(pool, { actor, reason }),
            userErrors: [] as UserError[],
          }),
          (userErrors) => ({ postingStopped: null, userErrors }),
        );
      },
      resumePosting: async (_root, _args, { viewer }) => {
        const { userId: actor } = requireRole(viewer, 'ADMIN');
        return { postingStopped: await resumePostingFor(pool, actor), userErrors: [] };
      },
      retryDeadLetter: (_root, { id }, { viewer }) => {
        const { userId: actor } = requireRole(viewer, 'ADMIN');
        return letterPayload(() => retryDeadLetter(pool, actor, id));
      },
      resolveDeadLetter: (_root, { id, resolution, agreesTo }, { viewer }) => {
        const { userId: actor } = requireRole(viewer, 'ADMIN');
        return letterPayload(() => resolveDeadLetter(pool, actor, { id, resolution, agreesTo: agreesTo ?? null }));
      },
    },
    OutgoingPause: {
      all: ({ scope }) => scope === 'ALL',
      provider: ({ scope, subject }) => (scope === 'PROVIDER' ? subject : null),
      currency: ({ scope, subject }) => (scope === 'CURRENCY' ? subject : null),
    },
    DeadLetter: {
      details: ({ details }) => JSON.stringify(details),
      history: ({ id }) => listInterventions(pool, id),
    },
  };
}
