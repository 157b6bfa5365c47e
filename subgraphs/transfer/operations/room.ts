import type { Logger } from '../../../platform/log.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { Room } from '../room.ts';
import { watchAlarms } from './alarms.ts';
import { createOperationsResolvers, type OperationsDeps } from './resolvers.ts';
import { retryDueLetters, settleRetriedLetters } from './retry-due-letters.ts';

/** What staff sees and does: kill switches, dead letters, alarms. */
export function createOperationsRoom(deps: OperationsDeps & { log: Logger }): Room {
  const { everyMs, atOnce } = POLICY.operations.retries;
  return {
    resolvers: createOperationsResolvers(deps),
    periodic: [
      {
        name: 'transfer.dead-letters',
        everyMs,
        async run() {
          await settleRetriedLetters(deps.pool);
          const retried = await retryDueLetters(deps.pool);
          if (retried > 0) deps.wakeUp.signal();
          return retried === atOnce;
        },
      },
      watchAlarms(deps),
    ],
  };
}
