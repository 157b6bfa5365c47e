import { describe, expect, test } from '@jest/globals';
import { createPushStream } from './push-stream.ts';

const create = (limit = 3) => {
  let left = 0;
  const stream = createPushStream<number>({ limit, onReturn: () => left++ });
  return { stream, left: () => left };
};

describe('a push stream', () => {
  test('gives values in order, those that waited and those that are waited for', async () => {
    const { stream } = create();
    stream.push(1);
    stream.push(2);
    const read = [stream.values.next(), stream.values.next(), stream.values.next()];
    stream.push(3);
    expect((await Promise.all(read)).map(({ value }) => value)).toEqual([1, 2, 3]);
  });

  test('takes no more than may wait', async () => {
    const { stream } = create(2);
    expect([stream.push(1), stream.push(2), stream.full, stream.push(3)]).toEqual([true, true, true, false]);
    await stream.values.next();
    expect([stream.full, stream.push(4)]).toEqual([false, true]);
    expect([await stream.values.next(), await stream.values.next()]).toEqual([
      { value: 2, done: false },
      { value: 4, done: false },
    ]);
  });

  test('tells when a full one has room again', async () => {
    let room = 0;
    const stream = createPushStream<number>({ limit: 1, onReturn: () => {}, onRoom: () => room++ });
    stream.push(1);
    await stream.values.next();
    expect(room).toBe(1);
    void stream.values.next();
    stream.push(2);
    expect(room).toBe(1);
  });

  test('returns at once while somebody waits on a quiet stream', async () => {
    const { stream, left } = create();
    const waiting = stream.values.next();
    await stream.values.return!();
    expect(await waiting).toEqual({ value: undefined, done: true });
    expect(await stream.values.next()).toEqual({ value: undefined, done: true });
    expect([left(), stream.push(1)]).toEqual([1, false]);
    await stream.values.return!();
    expect(left()).toBe(1);
  });

  test('ends after what waits and its last value, which is taken however many wait', async () => {
    const { stream, left } = create(1);
    stream.push(1);
    stream.end(2);
    stream.push(3);
    const read: number[] = [];
    for await (const value of stream.values) read.push(value);
    expect(read).toEqual([1, 2]);
    // It ended by itself: nobody has to be told to stop feeding it.
    expect(left()).toBe(0);
  });

  test('is cut without what waits', async () => {
    const { stream } = create();
    stream.push(1);
    stream.cut(9);
    const read: number[] = [];
    for await (const value of stream.values) read.push(value);
    expect(read).toEqual([9]);
  });
});
