import { describe, expect, test } from '@jest/globals';
import { gather } from './gather.ts';

/** Calls that end when the test says so. */
function heldCalls() {
  const calls: { questions: readonly number[]; end(answers?: number[]): void; fail(error: Error): void }[] = [];
  const askAll = (questions: readonly number[]) =>
    new Promise<readonly number[]>((resolve, reject) => {
      calls.push({
        questions,
        end: (answers) => resolve(answers ?? questions.map((question) => question * 10)),
        fail: reject,
      });
    });
  return { calls, askAll };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A call that has ended makes room first, and what waited leaves at the end of the turn after it. */
async function nextCalls(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await turn();
}

describe('gathering', () => {
  test('sends the questions of one turn together, each with its own answer', async () => {
    const { calls, askAll } = heldCalls();
    const ask = gather(askAll);
    const answers = Promise.all([ask(1), ask(2), ask(3)]);
    await turn();
    expect(calls.map(({ questions }) => questions)).toEqual([[1, 2, 3]]);
    calls[0]!.end();
    expect(await answers).toEqual([10, 20, 30]);
  });

  test('lets a question leave at once while a call is free, and collects while none is', async () => {
    const { calls, askAll } = heldCalls();
    const ask = gather(askAll, { callsAtOnce: 2 });
    const answers: Promise<number>[] = [];
    for (const question of [1, 2, 3, 4]) {
      answers.push(ask(question));
      await turn();
    }
    expect(calls.map(({ questions }) => questions)).toEqual([[1], [2]]);
    calls[1]!.end();
    expect(await answers[1]).toBe(20);
    await nextCalls();
    expect(calls.map(({ questions }) => questions)).toEqual([[1], [2], [3, 4]]);
    calls[0]!.end();
    calls[2]!.end();
    expect(await Promise.all(answers)).toEqual([10, 20, 30, 40]);
  });

  test('puts no more than so many into one call', async () => {
    const { calls, askAll } = heldCalls();
    const ask = gather(askAll, { callsAtOnce: 1, mostInOne: 2 });
    const answers = Promise.all([1, 2, 3].map(ask));
    await turn();
    calls[0]!.end();
    await nextCalls();
    expect(calls.map(({ questions }) => questions)).toEqual([[1, 2], [3]]);
    calls[1]!.end();
    expect(await answers).toEqual([10, 20, 30]);
  });

  test('fails the questions of a call that fails, and no others', async () => {
    const { calls, askAll } = heldCalls();
    const ask = gather(askAll, { callsAtOnce: 1 });
    const first = ask(1);
    await turn();
    const second = ask(2);
    await turn();
    calls[0]!.fail(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await nextCalls();
    calls[1]!.end([]);
    await expect(second).rejects.toThrow('1 questions, 0 answers');
    const third = ask(3);
    await nextCalls();
    calls[2]!.end();
    expect(await third).toBe(30);
  });
});
