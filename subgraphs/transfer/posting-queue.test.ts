import { describe, expect, test } from '@jest/globals';
import { newId, type AccountId, type UserId } from '../../platform/ids.ts';
import { createPostingQueue, type Waiting } from './posting-queue.ts';
import type { PlannedTransfer } from './transfer-batch.ts';

/** What the queue looks at of a transfer: from whom, from where and to where. */
interface Named extends Waiting {
  name: string;
}

const people = new Map<string, { ownerId: UserId; accountId: AccountId }>();
const person = (name: string) => {
  const known = people.get(name) ?? { ownerId: newId<UserId>(), accountId: newId<AccountId>() };
  people.set(name, known);
  return { ...known, label: name };
};

/** 'ada>bola' is a transfer of Ada's to Bola. */
function attempt(name: string, { alone = false, late = false } = {}): Named {
  const [from, to] = name.split('>').map((each) => person(each)) as [
    ReturnType<typeof person>,
    ReturnType<typeof person>,
  ];
  const planned = { userId: from.ownerId, source: from, destination: to } as PlannedTransfer;
  return { name, planned, alone, deadlineMs: performance.now() + (late ? -1 : 60_000) };
}

function queueOf(names: string[], maxBatch = 10) {
  const late: string[] = [];
  const queue = createPostingQueue<Named>({ maxBatch, onTooLate: ({ name }) => late.push(name) });
  for (const name of names) queue.push(attempt(name));
  return { queue, late, take: () => queue.take().map(({ name }) => name) };
}

describe('the queue of what is to be posted', () => {
  test('gives all that waits, oldest first, as many as go into one call', () => {
    const { queue, take } = queueOf(['a>b', 'c>d', 'e>f'], 2);
    expect([take(), queue.size, take(), queue.size, take()]).toEqual([['a>b', 'c>d'], 1, ['e>f'], 0, []]);
  });

  test('leaves out what shares an account or a customer with a call under way, until that has ended', () => {
    const { queue, take } = queueOf(['a>b'], 10);
    const first = queue.take();
    for (const name of ['b>c', 'x>a', 'a>y', 'z>b', 'p>q', 'r>s']) queue.push(attempt(name));
    expect(take()).toEqual(['p>q', 'r>s']);
    queue.ended(first);
    expect(take()).toEqual(['b>c', 'x>a', 'a>y', 'z>b']);
  });

  test('two transfers of one account go together in one call', () => {
    expect(queueOf(['a>b', 'a>c', 'c>a']).take()).toEqual(['a>b', 'a>c', 'c>a']);
  });

  test('an account stays held while one of two calls that need it is under way', () => {
    const { queue, take } = queueOf(['a>b']);
    const first = queue.take();
    queue.push(attempt('c>b'));
    const second = queue.take(); // nothing else waits
    expect(second.map(({ name }) => name)).toEqual(['c>b']);
    queue.ended(first);
    for (const name of ['d>b', 'e>f', 'g>a']) queue.push(attempt(name));
    expect(take()).toEqual(['e>f', 'g>a']);
  });

  test('what shares its rows goes all the same when nothing else waits, so that no connection stands idle', () => {
    const { queue, take } = queueOf(['a>b']);
    queue.take();
    queue.push(attempt('a>c'));
    expect(take()).toEqual(['a>c']);
  });

  test('nobody is passed over for ever: after four times it goes', () => {
    const { queue, take } = queueOf(['a>b']);
    queue.take();
    queue.push(attempt('a>c'));
    const turns = Array.from({ length: 5 }, (_, turn) => {
      queue.push(attempt(`p${turn}>q${turn}`));
      return take();
    });
    expect(turns).toEqual([['p0>q0'], ['p1>q1'], ['p2>q2'], ['p3>q3'], ['a>c', 'p4>q4']]);
  });

  test('what goes by itself does so, with nothing before it left behind', () => {
    const { queue, take } = queueOf(['a>b']);
    queue.push(attempt('c>d', { alone: true }));
    queue.push(attempt('e>f'));
    expect([take(), take(), take()]).toEqual([['a>b'], ['c>d'], ['e>f']]);
  });

  test('what is put back goes first', () => {
    const { queue, take } = queueOf(['a>b', 'c>d']);
    const batch = queue.take();
    queue.push(attempt('e>f'));
    queue.ended(batch);
    queue.putBack(batch.map((each) => ({ ...each, alone: true })));
    expect([take(), take(), take()]).toEqual([['a>b'], ['c>d'], ['e>f']]);
  });

  test('what has waited too long is told so and not taken', () => {
    const { queue, late, take } = queueOf(['a>b']);
    queue.push(attempt('c>d', { late: true }));
    expect([take(), late, queue.size]).toEqual([['a>b'], ['c>d'], 0]);
  });
});
