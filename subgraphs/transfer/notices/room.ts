import type { Listener } from '../../../platform/event-listeners.ts';
import { enqueueJobs } from '../../../platform/jobs.ts';
import { JOBS_SCHEMA } from '../listeners.ts';
import type { Room } from '../room.ts';
import { APPLY_NOTICE, createApplyNotice, type ApplyNoticeDeps } from './apply-notice.ts';
import { receiveNotice, type ReceiveNoticeDeps } from './receive-notice.ts';

/** What the room of the notices is wired with. */
export type NoticesDeps = ReceiveNoticeDeps & Omit<ApplyNoticeDeps, 'pool'>;

/** What providers tell on their own: received through the gateway, stored, and acted on by jobs. */
export function createNoticesRoom(deps: NoticesDeps, jobsPool: ApplyNoticeDeps['pool']): Room {
  return {
    listeners: [notices],
    tasks: { [APPLY_NOTICE]: createApplyNotice({ ...deps, pool: jobsPool }) },
    answers: { 'receive-notice': (question) => receiveNotice(deps, question) },
  };
}

/** Turns stored notices into jobs, in the transaction of its cursor and under the notice's own key: each once. */
const notices: Listener<'ProviderNoticeReceived'> = {
  name: 'transfer.notices',
  types: ['ProviderNoticeReceived'],
  handle: (events, tx) =>
    enqueueJobs(tx, {
      schema: JOBS_SCHEMA,
      task: APPLY_NOTICE,
      jobs: events.map(({ payload: { provider, eventId } }) => ({
        key: `notice:${provider}:${eventId}`,
        payload: { provider, eventId },
      })),
    }),
};
