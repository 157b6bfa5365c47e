import { describe, expect, test } from '@jest/globals';
import { createPushStream, type PushStream } from '../../platform/push-stream.ts';
import { until } from '../../tests/until.ts';
import type { StreamEvent } from './open-stream.ts';
import { createSharedStreams, type ShareOptions, type Subscriber } from './share.ts';

const at = (position: number): StreamEvent => ({ result: { data: { position } }, position });
const refusal = (code: string): StreamEvent => ({
  result: { errors: [{ message: code, extensions: { code } }] },
  last: true,
});

/** A source whose upstreams the test feeds by hand. */
function createSource() {
  const upstreams: PushStream<StreamEvent>[] = [];
  let pulled = 0;
  return {
    upstreams,
    /** How many events were taken out of all upstreams. */
    pulled: () => pulled,
    open: () => {
      const upstream = createPushStream<StreamEvent>({ limit: 10_000, onReturn: () => {} });
      upstreams.push(upstream);
      const counted: AsyncIterableIterator<StreamEvent, undefined> = {
        [Symbol.asyncIterator]: () => counted,
        next: async () => {
          const next = await upstream.values.next();
          pulled++;
          return next;
        },
        return: () => upstream.values.return!(),
      };
      return counted;
    },
  };
}

/** Reads what has come so far; it does not wait for more. */
function collect(subscriber: Subscriber) {
  const positions: number[] = [];
  const codes: unknown[] = [];
  const state = { positions, codes, done: false };
  void (async () => {
    for await (const { result, position } of subscriber.events) {
      if (position !== undefined) positions.push(position);
      codes.push(...(result.errors ?? []).map(({ extensions }) => extensions!['code']));
    }
    state.done = true;
  })();
  return state;
}

const create = (options: Partial<ShareOptions> = {}) =>
  createSharedStreams({ maxWaiting: 4, stallMs: 100, ...options });

describe('sharing', () => {
  test('opens one upstream for equal subscriptions that come before its first event', async () => {
    const shared = create();
    const source = createSource();
    const [one, two] = [collect(shared.subscribe('k', source.open)), collect(shared.subscribe('k', source.open))];
    source.upstreams[0]!.push(at(5));
    await until('both have it', () => one.positions.length === 1 && two.positions.length === 1);
    expect(source.upstreams).toHaveLength(1);
    expect(shared.upstreams).toBe(1);
  });

  test('closes a quiet upstream at once when the last has left, and opens a new one for the next', async () => {
    const shared = create();
    const source = createSource();
    const subscribers = [shared.subscribe('k', source.open), shared.subscribe('k', source.open)];
    await subscribers[0]!.events.return!();
    expect(shared.upstreams).toBe(1);
    await subscribers[1]!.events.return!();
    expect(shared.upstreams).toBe(0);
    collect(shared.subscribe('k', source.open));
    expect(source.upstreams).toHaveLength(2);
    expect(shared.upstreams).toBe(1);
  });

  test('tells all of them why it ended', async () => {
    const shared = create();
    const source = createSource();
    const [one, two] = [collect(shared.subscribe('k', source.open)), collect(shared.subscribe('k', source.open))];
    source.upstreams[0]!.push(refusal('NOT_FOUND'));
    await until('both have ended', () => one.done && two.done);
    expect([one.codes, two.codes]).toEqual([['NOT_FOUND'], ['NOT_FOUND']]);
    expect(shared.upstreams).toBe(0);
  });
});

describe('a late subscriber', () => {
  async function begun() {
    const shared = create({ maxWaiting: 10 });
    const source = createSource();
    const first = collect(shared.subscribe('k', source.open));
    source.upstreams[0]!.push(at(5));
    await until('the first has begun', () => first.positions.length === 1);
    const subscriber = shared.subscribe('k', source.open);
    const late = collect(subscriber);
    return { shared, source, first, subscriber, late, main: source.upstreams[0]!, own: source.upstreams[1]! };
  }

  test('gets its beginning from an upstream of its own and the rest from the shared one', async () => {
    const { shared, first, late, main, own } = await begun();
    main.push(at(6));
    main.push(at(7));
    await until('the first is ahead', () => first.positions.length === 3);
    expect(late.positions).toEqual([]);
    own.push(at(6));
    await until('it has caught up', () => late.positions.length === 2);
    main.push(at(8));
    await until('it goes on', () => late.positions.length === 3);
    expect(late.positions).toEqual([6, 7, 8]);
    expect(first.positions).toEqual([5, 6, 7, 8]);
    expect(shared.upstreams).toBe(1);
  });

  test('reads on in its own upstream until that has come as far as the shared one was', async () => {
    const { late, main, own } = await begun();
    for (const position of [1, 2, 3]) own.push(at(position));
    main.push(at(6));
    await until('it has its beginning', () => late.positions.length === 3);
    expect(late.positions).toEqual([1, 2, 3]);
    for (const position of [4, 5]) own.push(at(position));
    await until('it goes on', () => late.positions.length === 6);
    expect(late.positions).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('is not given twice what its own upstream brought already', async () => {
    const { late, main, own } = await begun();
    own.push(at(9));
    await until('it has its beginning', () => late.positions.length === 1);
    for (const position of [6, 7, 8, 9, 10]) main.push(at(position));
    await until('it goes on', () => late.positions.includes(10));
    expect(late.positions).toEqual([9, 10]);
  });

  test('is refused alone when its own upstream is', async () => {
    const { shared, first, late, main, own } = await begun();
    own.push(refusal('NOT_FOUND'));
    await until('it has ended', () => late.done);
    expect(late.codes).toEqual(['NOT_FOUND']);
    main.push(at(6));
    await until('the first goes on', () => first.positions.length === 2);
    expect(shared.upstreams).toBe(1);
  });

  test('closes its own upstream when it leaves while it waits for it', async () => {
    const { shared, subscriber, first, main } = await begun();
    expect(shared.upstreams).toBe(2);
    await subscriber.events.return!();
    expect(shared.upstreams).toBe(1);
    main.push(at(6));
    await until('the first goes on', () => first.positions.length === 2);
  });

  test('is told of an interruption rather than left with a gap when the shared upstream ends meanwhile', async () => {
    const { late, main } = await begun();
    main.end();
    await until('it has ended', () => late.done);
    expect(late.codes).toEqual(['SUBSCRIPTION_SOURCE_LOST']);
  });

  test('that never gets its beginning is ended when too much has come meanwhile', async () => {
    const { first, late, main } = await begun();
    for (let position = 6; position <= 20; position++) main.push(at(position));
    await until('it has ended', () => late.done);
    expect(late.codes).toEqual(['SLOW_CONSUMER']);
    await until('the first has all', () => first.positions.length === 16);
  });
});

describe('who reads too slowly', () => {
  test('is ended when others are not, after what it was given', async () => {
    const shared = create();
    const source = createSource();
    const slow = shared.subscribe('k', source.open);
    const quick = collect(shared.subscribe('k', source.open));
    for (let position = 1; position <= 10; position++) source.upstreams[0]!.push(at(position));
    await until('the quick one has all', () => quick.positions.length === 10);
    const read = collect(slow);
    await until('the slow one has ended', () => read.done);
    expect(read.positions).toEqual([1, 2, 3, 4]);
    expect(read.codes).toEqual(['SLOW_CONSUMER']);
    expect(quick.codes).toEqual([]);
  });

  test('and is alone is waited for, and the source is not read ahead of it', async () => {
    const shared = create({ stallMs: 60_000 });
    const source = createSource();
    const only = shared.subscribe('k', source.open);
    for (let position = 1; position <= 50; position++) source.upstreams[0]!.push(at(position));
    await until('its queue is full', () => source.pulled() === 4);
    const read = collect(only);
    await until('it has all', () => read.positions.length === 50);
    expect(read.codes).toEqual([]);
  });

  test('and stands still is ended even when alone', async () => {
    const shared = create({ stallMs: 20 });
    const source = createSource();
    const only = shared.subscribe('k', source.open);
    for (let position = 1; position <= 5; position++) source.upstreams[0]!.push(at(position));
    await until('its upstream is closed', () => shared.upstreams === 0);
    const read = collect(only);
    await until('it has ended', () => read.done);
    expect([read.positions, read.codes]).toEqual([[1, 2, 3, 4], ['SLOW_CONSUMER']]);
  });

  test('is cut at once where its session has ended: nothing that waited is given any more', async () => {
    const shared = create();
    const source = createSource();
    const subscriber = shared.subscribe('k', source.open);
    source.upstreams[0]!.push(at(1));
    await until('it was given', () => source.pulled() === 1);
    subscriber.cut(refusal('UNAUTHENTICATED'));
    const read = collect(subscriber);
    await until('it has ended', () => read.done);
    expect([read.positions, read.codes]).toEqual([[], ['UNAUTHENTICATED']]);
    expect(shared.upstreams).toBe(0);
  });
});
