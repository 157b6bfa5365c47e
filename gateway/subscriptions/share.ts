import type { GraphQLError } from 'graphql';
import { slowConsumer, sourceLost } from '../../platform/graph-errors.ts';
import { createPushStream, type PushStream } from '../../platform/push-stream.ts';
import type { StreamEvent } from './open-stream.ts';

/**
 * Equal subscriptions share one upstream and one execution of each event. It opens with the first subscriber and closes with
 * the last, also while nothing happens.
 *
 * A later subscriber must see a right beginning, which the shared upstream has already told. So it
 *   1. attaches to the shared stream and keeps what that brings from now on,
 *   2. reads a short-lived upstream of its own until that has reached the position the shared stream had at (1),
 *   3. gives what it kept beyond its own last position, and goes on with the shared stream alone.
 * Nothing can fall between: what came before (1) is in its own upstream, what came after in what it kept. Streams whose
 * events carry no position cannot be joined like this; there each later subscriber has an upstream for itself.
 */
export interface SharedStreams {
  /** The events of a stream; `open` opens an upstream of it, all with the same key being equal. */
  subscribe(key: string, open: OpenUpstream): Subscriber;
  /** How many upstreams are open. */
  readonly upstreams: number;
}

export type OpenUpstream = () => AsyncIterableIterator<StreamEvent, undefined>;

/** One client's side of a stream. */
export interface Subscriber {
  readonly events: AsyncIterableIterator<StreamEvent, undefined>;
  /** Ends it at once, with this as its last event. */
  cut(last: StreamEvent): void;
}

export interface ShareOptions {
  /** Events that wait for one subscriber; with more it is ended as SLOW_CONSUMER. */
  maxWaiting: number;
  /** When all subscribers are this far behind, the upstream waits so long for one of them before they are ended. */
  stallMs: number;
}

export function createSharedStreams(options: ShareOptions): SharedStreams {
  const shared = new Map<string, Shared>();
  let upstreams = 0;
  const counted: Open = (open) => {
    upstreams++;
    return endedOnce(open(), () => upstreams--);
  };
  return {
    subscribe: (key, open) => {
      const running = shared.get(key);
      if (running && joinable(running)) return attach(running, options, counted, open);
      const stream: Shared = {
        upstream: counted(open),
        members: new Set(),
        position: undefined,
        begun: false,
        onEmpty: () => {},
      };
      // A stream without positions gives its place to the newer one: who comes next may still find that one's beginning.
      shared.set(key, stream);
      stream.onEmpty = () => {
        if (shared.get(key) === stream) shared.delete(key);
        void stream.upstream.return?.();
      };
      const subscriber = attach(stream, options, counted, open);
      void pump(stream, options);
      return subscriber;
    },
    get upstreams() {
      return upstreams;
    },
  };
}

type Open = (open: OpenUpstream) => AsyncIterableIterator<StreamEvent, undefined>;

interface Shared {
  upstream: AsyncIterableIterator<StreamEvent, undefined>;
  members: Set<Member>;
  /** Of the newest event the members were given. */
  position: number | undefined;
  /** Whether there was an event yet. */
  begun: boolean;
  /** Called when the last member has left or the upstream has ended. */
  onEmpty: () => void;
}

interface Member {
  queue: PushStream<StreamEvent>;
  /** What the shared stream brought while the member still reads its own beginning; null once it follows it. */
  kept: StreamEvent[] | null;
  /** Its own short-lived upstream. */
  beginning: AsyncIterableIterator<StreamEvent, undefined> | null;
  /** Of the newest event it was given. */
  position: number;
  /** Who waits for room in the queue. */
  waiters: Set<() => void>;
}

function joinable({ begun, position }: Shared): boolean {
  return !begun || position !== undefined;
}

/** Counts an upstream's end, however it comes. */
function endedOnce(
  upstream: AsyncIterableIterator<StreamEvent, undefined>,
  onEnd: () => void,
): AsyncIterableIterator<StreamEvent, undefined> {
  let open = true;
  const end = (): void => {
    if (open) onEnd();
    open = false;
  };
  const counted: AsyncIterableIterator<StreamEvent, undefined> = {
    [Symbol.asyncIterator]: () => counted,
    next: async () => {
      const next = await upstream.next();
      if (next.done || next.value.last) end();
      return next;
    },
    return: async () => {
      end();
      await upstream.return?.();
      return { value: undefined, done: true };
    },
  };
  return counted;
}

function attach(shared: Shared, options: ShareOptions, counted: Open, open: OpenUpstream): Subscriber {
  const member: Member = {
    queue: createPushStream<StreamEvent>({
      limit: options.maxWaiting,
      onReturn: () => leave(shared, member),
      onRoom: () => wake(member),
    }),
    kept: null,
    beginning: null,
    position: Number.NEGATIVE_INFINITY,
    waiters: new Set(),
  };
  shared.members.add(member);
  if (shared.position !== undefined) {
    member.kept = [];
    member.beginning = counted(open);
    void readBeginning(shared, member, shared.position, options);
  }
  return {
    events: member.queue.values,
    cut: (last) => {
      member.queue.cut(last);
      leave(shared, member);
    },
  };
}

function leave(shared: Shared, member: Member): void {
  void member.beginning?.return?.();
  wake(member);
  if (shared.members.delete(member) && shared.members.size === 0) shared.onEmpty();
}

/** Step 2 and 3 of a late subscriber. */
async function readBeginning(shared: Shared, member: Member, until: number, options: ShareOptions): Promise<void> {
  while (member.position < until) {
    await room([member], options.stallMs);
    const next = await member.beginning!.next();
    if (!shared.members.has(member)) return;
    if (next.done || next.value.last || next.value.position === undefined) {
      // Refused, or lost before it came far enough: what is kept would leave a gap.
      member.queue.end(next.value?.last ? next.value : ending(sourceLost()));
      return leave(shared, member);
    }
    give(shared, member, next.value);
  }
  void member.beginning!.return?.();
  member.beginning = null;
  const kept = member.kept!;
  member.kept = null;
  for (const event of kept) give(shared, member, event);
}

/** The last event of a stream that ends for a reason. */
function ending({ message, extensions }: GraphQLError): StreamEvent {
  return { result: { errors: [{ message, extensions }] }, last: true };
}

/** Gives one event to one member, unless it has it already. */
function give(shared: Shared, member: Member, event: StreamEvent): void {
  if (event.position !== undefined) {
    if (event.position <= member.position) return;
    member.position = event.position;
  }
  if (member.queue.push(event)) return;
  member.queue.end(ending(slowConsumer()));
  leave(shared, member);
}

/** Reads the upstream for all members, until it ends or nobody is left. */
async function pump(shared: Shared, options: ShareOptions): Promise<void> {
  while (shared.members.size > 0) {
    await room(shared.members, options.stallMs);
    const next = await shared.upstream.next();
    if (next.done || next.value.last) {
      for (const member of [...shared.members]) end(shared, member, next.value);
      break;
    }
    shared.begun = true;
    shared.position = next.value.position;
    for (const member of [...shared.members]) deliver(shared, member, next.value, options);
  }
  shared.onEmpty();
}

function deliver(shared: Shared, member: Member, event: StreamEvent, options: ShareOptions): void {
  if (!member.kept) return give(shared, member, event);
  member.kept.push(event);
  if (member.kept.length <= options.maxWaiting) return;
  member.queue.end(ending(slowConsumer()));
  leave(shared, member);
}

/** The upstream has ended. A member still at its beginning is told that too: its own upstream would not go on for ever. */
function end(shared: Shared, member: Member, last: StreamEvent | undefined): void {
  member.queue.end(last ?? (member.kept ? ending(sourceLost()) : undefined));
  leave(shared, member);
}

/** Waits until one of the members can take an event: one who reads slowly is waited for where nobody else is made to wait by it. */
function room(members: Iterable<Member>, stallMs: number): Promise<void> {
  const all = [...members];
  if (all.some(({ queue }) => !queue.full)) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, stallMs);
    function done(): void {
      clearTimeout(timer);
      for (const member of all) member.waiters.delete(done);
      resolve();
    }
    for (const member of all) member.waiters.add(done);
  });
}

function wake({ waiters }: Member): void {
  for (const waiter of [...waiters]) waiter();
}
