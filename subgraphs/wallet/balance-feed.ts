import { setTimeout as sleep } from 'node:timers/promises';
import { changesAfter } from '../../ledger/balances.ts';
import { statementLinesByIds } from '../../ledger/statement.ts';
import { isDatabaseLost, type Queryable } from '../../platform/db.ts';
import type { BalanceChange } from '../../platform/events.ts';
import type { EventTail } from '../../platform/event-tail.ts';
import type { AccountId } from '../../platform/ids.ts';
import { createPullStream } from '../../platform/pull-stream.ts';
import type { SourceEvent } from '../../platform/subgraph.ts';
import { balanceOfChange, toTransaction, transactionOfChange } from './domain.ts';
import type { BalanceParent, BalanceUpdateParent } from './graph-types.ts';

/*
 * One subscriber's view of one account: versions v, v + 1, v + 2 … each once, in order.
 *
 * The tail of the event log tells of changes quickly, but promises no order per account. So it is only the quick way:
 * a change that is exactly the next version is kept as it came; a lower one is dropped; of every other only its number is
 * remembered, and what lies between is read from the ledger's balance_changes, page by page, when the subscriber asks for it.
 * A slow subscriber therefore holds at most one page in memory, however much happens meanwhile.
 */

/** Changes kept for a subscriber who does not keep up, and changes read at once. */
const MAX_READY = 100;
/** Between two looks for a database that is away. */
const LOST_PAUSE_MS = 250;

export interface BalanceFeed {
  /** From the present balance on: it comes first. */
  startWith(balance: BalanceParent): void;
  /** From after a version on, which is not ahead of `presentVersion`. */
  startAfter(version: number, presentVersion: number, currency: string): void;
  readonly updates: AsyncIterableIterator<SourceEvent<BalanceUpdateParent>, undefined>;
  /** Ends the updates, also while the subscriber waits for one. */
  close(): void;
}

type Result = IteratorResult<SourceEvent<BalanceUpdateParent>, undefined>;

/** Follows an account from now on; where it starts is said after reading it, so that nothing falls between. */
export function createBalanceFeed(
  { db, tail, onClose }: { db: Queryable; tail: EventTail; onClose: () => void },
  accountId: AccountId,
): BalanceFeed {
  /** The version the subscriber has. */
  let sent = 0;
  /** The highest version heard of. */
  let known = 0;
  /** The updates of versions sent + 1, sent + 2 … */
  let ready: BalanceUpdateParent[] = [];
  let currency = '';
  let closed = false;
  let wake = () => {};

  function hear(change: BalanceChange): void {
    known = Math.max(known, change.version);
    if (change.version === sent + ready.length + 1 && ready.length < MAX_READY) {
      const balance = balanceOfChange(change);
      ready.push({ kind: 'CHANGE', accountId, balance, cause: transactionOfChange(change) });
    }
    wake();
  }

  async function readGap(): Promise<void> {
    const page = await readUpdates(db, accountId, sent, currency);
    const whole = page.length > 0 && page.every(({ balance }, index) => balance.version === sent + index + 1);
    if (!whole) throw new Error(`account ${accountId}: changes after version ${sent} up to ${known} are not all there`);
    // What was heard meanwhile is thrown away with the old list: its number is known, and it is read in its turn.
    ready = page;
  }

  /** A database that is away comes back, and the tail tells what happened meanwhile: a reading that failed is no end of the stream either. */
  async function waitForDatabase(error: unknown): Promise<void> {
    if (!isDatabaseLost(error)) throw error;
    await sleep(LOST_PAUSE_MS);
  }

  async function pull(): Promise<Result> {
    try {
      while (!closed) {
        const update = ready.shift();
        if (update) {
          sent = update.balance.version;
          return { value: { value: update, position: sent }, done: false };
        }
        if (known > sent) await readGap().catch(waitForDatabase);
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      return { value: undefined, done: true };
    } catch (error) {
      close();
      throw error;
    }
  }

  const unfollow = tail.follow(accountId, (event) => {
    // Whatever made a version says so: an entry, a hold, a freeze, another overdraft.
    if (!('changes' in event.payload)) return;
    for (const change of event.payload.changes) if (change.accountId === accountId) hear(change);
  });

  function close(): void {
    if (closed) return;
    closed = true;
    ready = [];
    unfollow();
    wake();
    onClose();
  }

  return {
    startWith(balance) {
      currency = balance.currency;
      sent = balance.version - 1;
      ready = [{ kind: 'SNAPSHOT', accountId, balance, cause: null }];
    },
    startAfter(version, presentVersion, accountCurrency) {
      currency = accountCurrency;
      sent = version;
      known = Math.max(known, presentVersion);
      ready = [];
    },
    updates: createPullStream(pull, close),
    close,
  };
}

async function readUpdates(
  db: Queryable,
  accountId: AccountId,
  afterVersion: number,
  currency: string,
): Promise<BalanceUpdateParent[]> {
  const changes = await changesAfter(db, accountId, afterVersion, MAX_READY);
  const lines = await statementLinesByIds(
    db,
    changes.flatMap(({ postingId }) => postingId ?? []),
  );
  return changes.map(({ postingId, amountMinor: _amountMinor, ...balance }) => {
    const line = postingId === null ? undefined : lines.get(postingId);
    return { kind: 'CHANGE', accountId, balance: { ...balance, currency }, cause: line ? toTransaction(line) : null };
  });
}
