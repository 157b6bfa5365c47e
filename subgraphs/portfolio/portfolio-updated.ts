import { unauthenticated } from '../../platform/graph-errors.ts';
import type { UserId } from '../../platform/ids.ts';
import { createPushStream } from '../../platform/push-stream.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { SourceEvent } from '../../platform/subgraph.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { checkCurrency, valuationCurrency } from './domain.ts';
import type { PortfolioParent } from './graph-types.ts';
import { BALANCES_LISTENER, OUTSIDE_LISTENER } from './listeners.ts';
import type { NewestRatesReader } from './newest-rates.ts';
import type { PortfolioStore } from './store.ts';

export interface PortfolioUpdatedDeps extends Pick<SubgraphDeps, 'tail' | 'clock' | 'log' | 'listenersCaughtUp'> {
  store: PortfolioStore;
  rates: NewestRatesReader;
  /** Streams that are open, by how to end them. */
  openStreams: Set<() => void>;
  /** At most one portfolio in this time. */
  pauseMs?: number;
}

const PAUSE_MS = 1_000;
/** The tail may tell of an event before portfolio's own listeners have noted it; they are waited for that long. */
const CATCH_UP_MS = 2_000;

/**
 * The viewer's portfolio now, then at most once a second while it changes:
 *   an event of the viewer's, new rates -> changed; not pausing -> wait for the listeners, read, show what is new, pause
 *   the pause ends                      -> the same, if there was a change meanwhile
 * The position is the sum of all account versions, the number of accounts, and the changes of outside accounts and of rates:
 * it grows with every change, and two streams of one person agree on it.
 */
export async function portfolioUpdated(
  deps: PortfolioUpdatedDeps,
  viewer: Viewer | null,
  { currency, signal }: { currency: string | null; signal: AbortSignal },
): Promise<AsyncIterableIterator<SourceEvent<PortfolioParent>>> {
  if (!viewer) throw unauthenticated();
  checkCurrency(currency);
  const { userId } = viewer;
  const stream = createPushStream<SourceEvent<PortfolioParent>>({ limit: 1, onReturn: leave });
  const ended = new AbortController();
  let pause: NodeJS.Timeout | undefined;
  let reading = false;
  let changed = false;
  let shown = -1;

  // Followed first and read second: what commits in between is then heard of.
  const onChange = () => {
    changed = true;
    void showChange();
  };
  const follows = [deps.tail.follow(userId, onChange), deps.tail.followType('RatesRecorded', onChange)];
  const end = () => {
    leave();
    stream.end();
  };
  deps.openStreams.add(end);
  signal.addEventListener('abort', end, { once: true });

  function leave(): void {
    ended.abort();
    clearTimeout(pause);
    for (const unfollow of follows) unfollow();
    deps.openStreams.delete(end);
    signal.removeEventListener('abort', end);
  }

  async function showChange(): Promise<void> {
    if (!changed || reading || pause || ended.signal.aborted) return;
    reading = true;
    try {
      await show();
    } catch (error) {
      // Nothing wrong was shown. The next round tries again.
      changed = true;
      deps.log.warn({ err: error }, 'a live portfolio could not be read; it tries again');
    }
    reading = false;
    startPause();
  }

  function startPause(): void {
    if (ended.signal.aborted) return;
    pause = setTimeout(() => {
      pause = undefined;
      void showChange();
    }, deps.pauseMs ?? PAUSE_MS);
  }

  /** Reads and, when that is news, shows it. */
  async function show(): Promise<void> {
    changed = false;
    const deadline = AbortSignal.any([ended.signal, AbortSignal.timeout(CATCH_UP_MS)]);
    // Not caught up in time: what is there is shown, and the rest is looked for again.
    const caughtUp = [BALANCES_LISTENER, OUTSIDE_LISTENER].map((name) => deps.listenersCaughtUp(name, deadline));
    await Promise.all(caughtUp).catch(() => (changed = true));
    const now = await readPortfolio(deps, userId, currency);
    if (ended.signal.aborted || now.position <= shown) return;
    if (stream.push(now)) shown = now.position;
    // A reader that is behind gets the newest one as soon as there is room.
    else changed = true;
  }

  try {
    reading = true;
    await show();
    reading = false;
    startPause();
  } catch (error) {
    leave();
    throw error;
  }
  if (signal.aborted) end();
  return stream.values;
}

async function readPortfolio(
  { store, rates: reader, clock }: PortfolioUpdatedDeps,
  userId: UserId,
  asked: string | null,
): Promise<{ value: PortfolioParent; position: number }> {
  const asOf = clock.now();
  const [found, foundOutside, rates] = await Promise.all([
    store.findAccounts([userId]),
    store.findOutside([userId]),
    // Not the ones kept for a second: it may be they that have changed.
    reader.readNow(),
  ]);
  const accounts = found.get(userId) ?? [];
  const elsewhere = foundOutside.get(userId) ?? { accounts: [], changes: 0 };
  const versions = accounts.reduce((sum, { version }) => sum + version, accounts.length);
  const outside = () => Promise.resolve(elsewhere.accounts);
  return {
    value: { userId, currency: valuationCurrency(asked, accounts), accounts, rates, asOf, outside },
    position: versions + elsewhere.changes + rates.changes,
  };
}
