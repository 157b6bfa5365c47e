import { describe, expect, test } from '@jest/globals';
import { until } from '../tests/until.ts';
import { createLog } from './log.ts';
import { runPeriodically } from './periodic.ts';

const log = createLog('silent');

describe('a periodic task', () => {
  test('runs at once, again without a pause while there is more, and then after its pause', async () => {
    let runs = 0;
    const runner = runPeriodically([{ name: 'test.more', everyMs: 3_600_000, run: async () => ++runs < 5 }], log);
    await until('the fifth run', () => Promise.resolve(runs === 5));
    await runner.stop();
    expect(runs).toBe(5);
  });

  test('goes on after a failure', async () => {
    let runs = 0;
    const run = async () => {
      if (++runs === 1) throw new Error('the first run fails');
      return false;
    };
    const runner = runPeriodically([{ name: 'test.fails', everyMs: 1, run }], log);
    await until('a run after the failure', () => Promise.resolve(runs > 1));
    await runner.stop();
  });

  test('is told to end when it is stopped, and stopping waits for it', async () => {
    const seen: string[] = [];
    const run = (signal: AbortSignal) =>
      new Promise<boolean>((resolve) => {
        seen.push('began');
        signal.addEventListener('abort', () => {
          seen.push('ended');
          resolve(true);
        });
      });
    const runner = runPeriodically([{ name: 'test.stops', everyMs: 1, run }], log);
    await until('it has begun', () => Promise.resolve(seen.length === 1));
    await runner.stop();
    expect(seen).toEqual(['began', 'ended']);
  });
});
