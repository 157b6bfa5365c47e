import { userInfo } from 'node:os';
import type { OpenDatabase } from '../../bank/open-database.ts';
import type { Owner } from '../../bank/owners.ts';
import { listParked } from '../../platform/event-operations.ts';
import { formatPosition } from '../../platform/event-log.ts';
import { normaliseEmail } from '../../platform/email-hash.ts';
import { parseId, type TransferId } from '../../platform/ids.ts';
import { StartError } from '../../platform/start-error.ts';
import type { Role } from '../../platform/viewer.ts';
import { readAlarms } from '../../subgraphs/transfer/operations/alarms.ts';
import { explainTransfer } from '../../subgraphs/transfer/operations/explain-transfer.ts';
import { recordIntervention } from '../../subgraphs/transfer/operations/intervention-store.ts';
import {
  listPauses,
  parseScope,
  pauseOutgoing,
  resumeOutgoing,
  type StoredPause,
} from '../../subgraphs/transfer/operations/pauses.ts';
import { releaseHoldByTwo } from '../../subgraphs/transfer/operations/release-hold.ts';
import { listJobs, listStuckTransfers, requeueTransfer } from '../../subgraphs/transfer/operations/stuck-transfers.ts';
import { resumePostingFor, stopPostingFor } from '../../subgraphs/transfer/operations/switch-posting.ts';
import { grantRole, revokeRole, type ChangedRoles } from '../../subgraphs/user/change-roles.ts';
import { createUserStore } from '../../subgraphs/user/store.ts';
import { formatStory } from './format-story.ts';
import { age, parseAge, plain, table } from './table.ts';

/** A wrong call: shown with the help, exit code 2. */
export class UsageError extends Error {}

/** What was written behind the command. */
export interface Given {
  words: readonly string[];
  by?: string | undefined;
  olderThan?: string | undefined;
  all?: boolean | undefined;
  provider?: string | undefined;
  currency?: string | undefined;
}

/** What a command answers: for programs, for people, and whether it is bad news. */
export interface Answer {
  json: unknown;
  text: string;
  failed?: boolean;
}

type Command = (database: Pick<OpenDatabase, 'pool'>, given: Given) => Promise<Answer>;

const ROLES: readonly Role[] = ['SUPPORT', 'COMPLIANCE', 'ADMIN'];

export const COMMANDS: Readonly<Record<string, Command>> = {
  explain: async (database, given) => {
    const id = parseId<TransferId>(word(given, 'TRANSFER'));
    const story = id && (await explainTransfer(database.pool('transfer'), database.pool('risk'), id));
    if (!story) throw new StartError('There is no such transfer.');
    return { json: story, text: formatStory(story) };
  },
  stuck: async (database, given) => {
    none(given);
    const seconds = parseAge(given.olderThan ?? '5m');
    if (seconds === null) throw new UsageError('--older-than takes a number and s, m, h or d, for example 5m');
    const stuck = await listStuckTransfers(database.pool('transfer'), seconds);
    const rows = stuck.map((each) => [
      each.id,
      each.type,
      each.status,
      plain(each.step),
      age(each.ageSeconds),
      plain(each.provider),
      each.job ? `${each.job.attempts} attempts, next ${each.job.runAt}` : 'no job',
      each.letters.join(' ') || '-',
      plain(each.job?.lastError),
    ]);
    const headings = ['transfer', 'type', 'status', 'step', 'since', 'asked', 'job', 'letters', 'last error'];
    return { json: stuck, text: rows.length > 0 ? table([headings, ...rows]) : 'No transfer is stuck.' };
  },
  requeue: async (database, given) => {
    const transferId = word(given, 'TRANSFER');
    const actor = await whoActs(database, given);
    const job = await requeueTransfer(database.pool('transfer'), { transferId, actor });
    return { json: { job }, text: `The job ${job} runs next.` };
  },
  'release-hold': async (database, given) => {
    const holdId = word(given, 'HOLD');
    if (given.by === undefined)
      throw new UsageError('release-hold needs --by EMAIL, of two people with the role ADMIN in turn');
    const actor = await whoActs(database, given);
    const verdict = await releaseHoldByTwo(database.pool('transfer'), { holdId, actor });
    const text =
      verdict === 'RELEASED'
        ? 'The hold is released.'
        : 'Noted. Another person with the role ADMIN has to say the same within a day, with their own --by.';
    return { json: { verdict }, text };
  },
  jobs: async (database, given) => {
    none(given);
    const jobs = await listJobs(database.pool('transfer'));
    const rows = jobs.map(({ key, task, attempts, runAt, running, lastError }) => [
      plain(key),
      task,
      running ? 'runs' : runAt.toISOString(),
      String(attempts),
      plain(lastError),
    ]);
    return {
      json: jobs,
      text: rows.length > 0 ? table([['job', 'task', 'next', 'attempts', 'last error'], ...rows]) : 'No job waits.',
    };
  },
  parked: async (database, given) => {
    none(given);
    const parked = await listParked(database.pool('platform'));
    const rows = parked.map((event) => [
      event.listener,
      formatPosition(event.position),
      event.type,
      event.key,
      event.error,
    ]);
    return {
      json: parked,
      text:
        rows.length > 0
          ? `${table([['listener', 'event', 'type', 'key', 'error'], ...rows])}\nHave them tried again: npm run events -- retry`
          : 'No event is parked.',
    };
  },
  pauses: async (database, given) => {
    none(given);
    return pausesAnswer(await listPauses(database.pool('transfer')));
  },
  pause: async (database, given) => {
    const reason = word(given, 'REASON');
    const actor = await whoActs(database, given);
    return pausesAnswer(await pauseOutgoing(database.pool('transfer'), parseScope(given), { actor, reason }));
  },
  resume: async (database, given) => {
    none(given);
    const actor = await whoActs(database, given);
    return pausesAnswer(await resumeOutgoing(database.pool('transfer'), parseScope(given), actor));
  },
  'read-only': async (database, given) => {
    const [state, reason] = given.words;
    const actor = await whoActs(database, given);
    if (given.words.length === 2 && state === 'on') {
      const stop = await stopPostingFor(database.pool('transfer'), { actor, reason: reason! });
      return { json: { postingStopped: stop }, text: `Nothing is posted: ${stop?.reason ?? reason}` };
    }
    if (given.words.length !== 1 || state !== 'off') throw new UsageError('read-only on REASON, or read-only off');
    await resumePostingFor(database.pool('transfer'), actor);
    return { json: { postingStopped: null }, text: 'The books move.' };
  },
  alarms: async (database, given) => {
    none(given);
    const alarms = await readAlarms(database.pool('transfer'));
    const rows = alarms.map(({ code, subject, message, since }) => [code, plain(subject), plain(since), message]);
    return {
      json: alarms,
      text: rows.length > 0 ? table([['alarm', 'about', 'since', 'what'], ...rows]) : 'No alarms.',
      failed: alarms.length > 0,
    };
  },
  grant: (database, given) => changeRole(database, given, grantRole, 'ROLE_GRANTED'),
  revoke: (database, given) => changeRole(database, given, revokeRole, 'ROLE_REVOKED'),
};

async function changeRole(
  database: Parameters<Command>[0],
  given: Given,
  change: typeof grantRole,
  action: string,
): Promise<Answer> {
  const [email, role, ...more] = given.words;
  if (!email || !role || more.length > 0) throw new UsageError('needs EMAIL and ROLE');
  if (!ROLES.some((each) => each === role)) throw new UsageError(`ROLE is one of ${ROLES.join(', ')}`);
  const actor = await whoActs(database, given);
  // The check above is what makes it one.
  const changed: ChangedRoles | null = await change(database.pool('user'), email, role as Role);
  if (!changed) throw new StartError(`There is nobody with the email ${email}.`);
  const { userId, roles, endedSessions } = changed;
  if (changed.changed)
    await recordIntervention(database.pool('transfer'), { actor, action, subject: userId, note: role });
  const ended = endedSessions > 0 ? ` ${endedSessions} sessions were ended.` : '';
  return { json: changed, text: `${email} is ${roles.join(', ')}.${ended}` };
}

/**
 * Who goes on record. --by names a person of the staff by email, and counts as that person in the graph; without it it is whoever sits at the
 * command line, who could write into the database anyway.
 */
async function whoActs(
  database: { pool(owner: Owner): ReturnType<OpenDatabase['pool']> },
  { by }: Given,
): Promise<string> {
  if (by === undefined) return `cli:${userInfo().username}`;
  const store = createUserStore(database.pool('user'));
  try {
    const person = (await store.findCredentials(normaliseEmail(by)))?.user;
    if (!person?.roles.includes('ADMIN')) throw new StartError(`${by} is nobody of the staff with the role ADMIN.`);
    return person.id;
  } finally {
    await store.close();
  }
}

function pausesAnswer(pauses: StoredPause[]): Answer {
  const rows = pauses.map(({ scope, subject, pausedAt, pausedBy, reason }) => [
    scope === 'ALL' ? 'everything' : subject,
    pausedAt.toISOString(),
    pausedBy,
    reason,
  ]);
  return {
    json: pauses,
    text: rows.length > 0 ? table([['paused', 'since', 'by', 'why'], ...rows]) : 'Nothing is paused.',
  };
}

function word({ words }: Given, name: string): string {
  if (words.length !== 1 || !words[0]) throw new UsageError(`needs exactly one ${name}`);
  return words[0];
}

function none({ words }: Given): void {
  if (words.length > 0) throw new UsageError(`takes no "${words.join(' ')}"`);
}
