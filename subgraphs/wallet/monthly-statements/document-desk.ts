import { bulkhead } from 'cockatiel';
import { codedError } from '../../../platform/graph-errors.ts';
import type { UserId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';

/** Where documents are written: few at a time, and of each customer one, so that nobody's long statements hold up the bank. */
export interface DocumentDesk {
  /** Writes one when it is its turn. Throws TOO_MANY_DOCUMENTS when this customer waits for too many already, and the signal's reason once it has come. */
  write<Document>(customerId: UserId, signal: AbortSignal, work: () => Promise<Document>): Promise<Document>;
}

/** One for the whole process. */
export function createDocumentDesk(
  { atOnce, mostWaiting }: { atOnce: number; mostWaiting: number } = POLICY.statements,
): DocumentDesk {
  const places = bulkhead(atOnce, Number.MAX_SAFE_INTEGER);
  /** What each customer has asked for and not had yet, and the newest of it: one is written after the other. */
  const customers = new Map<UserId, { asked: number; newest: Promise<unknown> }>();

  return {
    async write(customerId, signal, work) {
      const customer = customers.get(customerId) ?? { asked: 0, newest: Promise.resolve() };
      if (customer.asked > mostWaiting) {
        throw codedError(
          'TOO_MANY_DOCUMENTS',
          `At most ${1 + mostWaiting} documents are written for a customer at a time. Ask for fewer at once.`,
        );
      }
      customers.set(customerId, customer);
      customer.asked++;
      const written = customer.newest.then(() =>
        places.execute(() => {
          signal.throwIfAborted();
          return work();
        }),
      );
      customer.newest = written.catch(() => {}); // the next one's turn comes all the same
      try {
        return await written;
      } finally {
        if (--customer.asked === 0) customers.delete(customerId);
      }
    },
  };
}
