import { describe, expect, test } from '@jest/globals';
import { newId, type UserId } from '../../../platform/ids.ts';
import { createDocumentDesk } from './document-desk.ts';

const [ada, ben, cleo] = [newId<UserId>(), newId<UserId>(), newId<UserId>()];

/** A desk, what it has begun in order, and a way to end each. */
function deskOf(bounds: { atOnce: number; mostWaiting: number }) {
  const desk = createDocumentDesk(bounds);
  const begun: string[] = [];
  const ends = new Map<string, (failure?: Error) => void>();
  const write = (customer: UserId, name: string, signal = new AbortController().signal) =>
    desk.write(customer, signal, () => {
      begun.push(name);
      return new Promise<string>((resolve, reject) => {
        ends.set(name, (failure) => (failure ? reject(failure) : resolve(name)));
      });
    });
  /** What was begun once everything that can begin has. */
  const seen = async () => {
    await new Promise(setImmediate);
    return begun;
  };
  return { write, seen, end: (name: string, failure?: Error) => ends.get(name)!(failure) };
}

describe('documents of statements', () => {
  test('are written one after the other for a customer, and side by side for others, in the order asked for', async () => {
    const { write, seen, end } = deskOf({ atOnce: 2, mostWaiting: 10 });
    const all = [write(ada, 'a1'), write(ada, 'a2'), write(ben, 'b1'), write(cleo, 'c1')];
    expect(await seen()).toEqual(['a1', 'b1']);
    end('b1');
    expect(await seen()).toEqual(['a1', 'b1', 'c1']);
    end('a1');
    expect(await seen()).toEqual(['a1', 'b1', 'c1', 'a2']);
    end('c1');
    end('a2');
    expect(await Promise.all(all)).toEqual(['a1', 'a2', 'b1', 'c1']);
  });

  test('are refused when too many wait, and taken again afterwards', async () => {
    const { write, seen, end } = deskOf({ atOnce: 5, mostWaiting: 1 });
    const taken = [write(ada, 'a1'), write(ada, 'a2')];
    await expect(write(ada, 'a3')).rejects.toMatchObject({ extensions: { code: 'TOO_MANY_DOCUMENTS' } });
    const others = write(ben, 'b1');
    for (const name of ['a1', 'a2', 'b1']) {
      await seen();
      end(name);
    }
    await Promise.all([...taken, others]);
    const again = write(ada, 'a4');
    expect(await seen()).toContain('a4');
    end('a4');
    await again;
  });

  test('that fail let the next one have its turn', async () => {
    const { write, seen, end } = deskOf({ atOnce: 1, mostWaiting: 5 });
    const [first, second] = [write(ada, 'a1'), write(ada, 'a2')];
    await seen();
    end('a1', new Error('does not add up'));
    await expect(first).rejects.toThrow('does not add up');
    await seen();
    end('a2');
    expect(await second).toBe('a2');
  });

  test('that nobody waits for any more are not begun', async () => {
    const { write, seen, end } = deskOf({ atOnce: 1, mostWaiting: 5 });
    const gone = new AbortController();
    const first = write(ada, 'a1');
    const late = write(ada, 'a2', gone.signal);
    gone.abort(new Error('the deadline'));
    await seen();
    end('a1');
    await first;
    await expect(late).rejects.toThrow('the deadline');
    expect(await seen()).toEqual(['a1']);
  });
});
