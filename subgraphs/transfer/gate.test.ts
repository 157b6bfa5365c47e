import { describe, expect, test } from '@jest/globals';
import { createGate } from './gate.ts';

const patient = new AbortController().signal;
/** Lets everything happen that waits for nothing outside. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Work that goes on until it is told to end. */
function works(gate: ReturnType<typeof createGate>) {
  const began: number[] = [];
  const endings = new Map<number, (failure?: Error) => void>();
  const start = (n: number, signal = patient) =>
    gate.run(
      () =>
        new Promise<number>((resolve, reject) => {
          began.push(n);
          endings.set(n, (failure) => (failure ? reject(failure) : resolve(n)));
        }),
      signal,
    );
  return { began, start, end: (n: number, failure?: Error) => endings.get(n)!(failure) };
}

describe('the gate', () => {
  test('lets so many in at once and the others in the order of their coming', async () => {
    const { began, start, end } = works(createGate({ atOnce: 2, mostWaiting: 10 }));
    const results = [1, 2, 3, 4].map((n) => start(n));
    await settle();
    expect(began).toEqual([1, 2]);
    end(2);
    await settle();
    expect(began).toEqual([1, 2, 3]);
    end(1);
    await settle();
    expect(began).toEqual([1, 2, 3, 4]);
    end(3);
    end(4);
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4]);
  });

  test('gives a place back when the work fails', async () => {
    const { began, start, end } = works(createGate({ atOnce: 1, mostWaiting: 10 }));
    const failing = start(1);
    const next = start(2);
    await settle();
    end(1, new Error('no'));
    await expect(failing).rejects.toThrow('no');
    await settle();
    expect(began).toEqual([1, 2]);
    end(2);
    await next;
    const third = start(3);
    await settle();
    end(3);
    expect(await third).toBe(3);
  });

  test('refuses when too many wait', async () => {
    const { began, start } = works(createGate({ atOnce: 1, mostWaiting: 1 }));
    void start(1);
    void start(2);
    await expect(start(3)).rejects.toMatchObject({ code: 'POSTER_BUSY' });
    expect(began).toEqual([1]);
  });

  test('forgets who has stopped waiting, before or meanwhile', async () => {
    const { began, start, end } = works(createGate({ atOnce: 1, mostWaiting: 10 }));
    const first = start(1);
    const controller = new AbortController();
    const second = start(2, controller.signal);
    const third = start(3);
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: 'POSTER_BUSY' });
    await expect(start(4, controller.signal)).rejects.toMatchObject({ code: 'POSTER_BUSY' });
    end(1);
    await first;
    await settle();
    expect(began).toEqual([1, 3]);
    end(3);
    await third;
  });
});
