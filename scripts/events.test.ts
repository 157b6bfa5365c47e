import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { effects, openEventLogWorld, quietLog, type EventLogWorld } from '../tests/event-log-world.ts';
import { recordNames } from '../tests/recording-listener.ts';
import { until } from '../tests/until.ts';
import { formatPosition, readHead } from '../platform/event-log.ts';
import { runListeners, type ListenerRunner } from '../platform/event-listeners.ts';
import { createLocalWakeUp } from '../platform/wake-up.ts';

const NAME = 'transfer.effects';
let world: EventLogWorld;
let runner: ListenerRunner;
let broken = true;

beforeAll(async () => {
  world = await openEventLogWorld();
  const fussy = recordNames(NAME, async (events) => {
    if (broken && events.some(({ payload }) => payload.displayName === 'poison')) throw new Error('cannot digest this');
  });
  runner = runListeners({ pool: world.pool, wakeUp: createLocalWakeUp(quietLog), log: quietLog, pollMs: 20 }, [fussy]);
});

afterAll(async () => {
  await runner.stop();
  await world.close();
});

interface Outcome {
  code: number;
  out: string;
  error: string;
}

/** Runs the command as a person does. */
async function events(...words: string[]): Promise<Outcome> {
  const environment = { ...process.env, DATABASE_URL: world.adminUrl, DWAYBANK_SECRET: world.secret, NODE_OPTIONS: '' };
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', 'scripts/events.ts', ...words],
      { env: environment },
    );
    return { code: 0, out: stdout, error: stderr };
  } catch (failed) {
    // execFile rejects with the process's own outcome.
    const { code, stdout, stderr } = failed as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, error: stderr };
  }
}

describe('npm run events', () => {
  test('shows lag and parked events, retries them, and replays a listener', async () => {
    await world.register('Ada');
    const from = formatPosition(await readHead(world.admin));
    await world.register('poison');
    await runner.caughtUp(NAME, AbortSignal.timeout(10_000));

    const lag = await events('lag');
    expect(lag).toMatchObject({ code: 0 });
    expect(lag.out).toMatch(/^transfer\.effects +\d+:\d+ +0 +- +1$/m);

    const parked = await events('parked');
    expect(parked.out).toMatch(/transfer\.effects .*UserRegistered .* 3 .*cannot digest this/);

    broken = false;
    expect(await events('retry', '--listener', NAME)).toMatchObject({
      code: 0,
      out: expect.stringContaining('1 parked event'),
    });
    await until('the parked event is handled', async () => (await effects(world)).includes('poison'));
    expect((await events('parked')).out).toBe('No event is parked.\n');

    expect(await events('replay', '--listener', NAME, '--from', from)).toMatchObject({ code: 0 });
    await runner.caughtUp(NAME, AbortSignal.timeout(10_000));
    expect(await effects(world)).toEqual(['Ada', 'poison', 'Ada', 'poison']);
  });

  test.each([
    { words: [], says: 'no command' },
    { words: ['dance'], says: 'no command "dance"' },
    { words: ['replay', '--listener', NAME], says: 'replay needs' },
    { words: ['replay', '--listener', NAME, '--from', 'yesterday'], says: 'replay needs' },
    { words: ['lag', '--loud'], says: '--loud' },
  ])('explains itself for: $words', async ({ words, says }) => {
    const outcome = await events(...words);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.error).toContain(says);
    expect(outcome.error).toContain('npm run events -- COMMAND');
  });

  test('says so when there is no such listener', async () => {
    const outcome = await events('replay', '--listener', 'transfer.nobody', '--from', '0:1');
    expect(outcome).toMatchObject({ code: 1, out: '' });
    expect(outcome.error).toBe(
      'There is no listener transfer.nobody that has come to 0:1: see `npm run events -- lag`.\n',
    );
  });
});
