import DataLoader from 'dataloader';
import type { Clock } from '../../platform/clock.ts';
import { dayOf } from '../../platform/days.ts';
import type { ExternalTransactionId, PostingId, UserId } from '../../platform/ids.ts';
import { POLICY } from '../../platform/policy.ts';
import type { RatesReader } from '../../platform/rates-projection.ts';
import { isStaff, type Caller } from '../../platform/viewer.ts';
import type { Advice } from './advice/advice.ts';
import { findAdvice } from './advice/find-advice.ts';
import type { Source } from './advice/history.ts';
import { addMonths, monthOf } from './calendar.ts';
import type { HistoryStore } from './history-store.ts';
import type { InsightsStore, StoredCategorisation } from './store.ts';

export interface InsightsLoaders {
  /** The category of a statement line of the viewer's own, or of any for staff; else null. */
  category: DataLoader<PostingId, StoredCategorisation | null>;
  /** The same for an outside line. */
  externalCategory: DataLoader<ExternalTransactionId, StoredCategorisation | null>;
  /** A person's accounts and outside accounts. Whoever asks has been found to be allowed to. */
  sources: DataLoader<UserId, readonly Source[]>;
  /** What a person's history shows, newest first. Likewise. */
  advice: DataLoader<UserId, readonly Advice[]>;
}

export interface LoaderDeps {
  store: InsightsStore;
  history: HistoryStore;
  rates: RatesReader;
  clock: Clock;
}

/** The loaders of one request. */
export function createLoaders(deps: LoaderDeps, { viewer }: Caller): InsightsLoaders {
  const { store, history } = deps;
  const visible = (line: StoredCategorisation | undefined) =>
    line && viewer && (isStaff(viewer) || line.ownerId === viewer.userId) ? line : null;
  const sources = new DataLoader<UserId, readonly Source[]>(async (ids) => {
    const found = await history.readSources(ids);
    return ids.map((id) => found.get(id) ?? []);
  });
  return {
    category: new DataLoader(async (ids) => {
      const lines = await store.findMovements(ids);
      return ids.map((id) => visible(lines.get(id)));
    }),
    externalCategory: new DataLoader(async (ids) => {
      const lines = await store.findExternalLines(ids);
      return ids.map((id) => visible(lines.get(id)));
    }),
    sources,
    advice: new DataLoader((ids) => adviseAll(deps, sources, ids)),
  };
}

/** Two statements for however many people: their lines and their balances. */
async function adviseAll(
  { history, rates, clock }: LoaderDeps,
  sources: InsightsLoaders['sources'],
  ownerIds: readonly UserId[],
): Promise<Advice[][]> {
  const today = dayOf(clock.now());
  // From the first of a month on, so that the oldest month is a whole one.
  const from = `${addMonths(monthOf(today), -POLICY.insights.historyMonths)}-01`;
  const [lines, known, newest] = await Promise.all([
    history.readLines({ ownerIds, from, to: today, limit: POLICY.insights.historyLines }),
    sources.loadMany(ownerIds),
    rates.newest(),
  ]);
  return ownerIds.map((ownerId, index) => {
    const own = known[index]!;
    if (own instanceof Error) throw own;
    const ownCurrency = own.find(({ kind }) => kind === 'account')?.currency ?? null;
    return findAdvice({ ownerId, ownCurrency, lines: lines.get(ownerId) ?? [], sources: own, today }, newest);
  });
}
