import DataLoader from 'dataloader';
import type { Pool } from 'pg';
import { readSpending } from '../../ledger/limits.ts';
import type { Clock } from '../../platform/clock.ts';
import type { TransferId, UserId } from '../../platform/ids.ts';
import { isStaff, type Caller } from '../../platform/viewer.ts';
import { readAlertPages, type AlertPage, type StoredAlert } from './alert-store.ts';
import { appliedLimits, type AppliedLimit } from './limits.ts';
import type { RecordedAssessment, RiskStore } from './store.ts';

export interface RiskLoaders {
  /** The assessment of a transfer of the viewer's own, or of any for staff; else null. */
  assessment: DataLoader<TransferId, RecordedAssessment | null>;
  /** Whether a transfer was assessed; of the viewer's own or anybody's, so give nothing else away of it. */
  isAssessed: DataLoader<TransferId, boolean>;
  /** The highest score of a customer's last 30 days; 0 with no assessment. */
  highestScore: DataLoader<string, number>;
  /** The limits that apply to a customer; anybody's, so ask first who the viewer is. */
  limits: DataLoader<UserId, AppliedLimit[]>;
  /** Alerts of a customer; anybody's, so ask first who the viewer is. */
  alertPages: DataLoader<AlertPage, StoredAlert[], string>;
}

const PROFILE_DAYS = 30;
const DAY_MS = 86_400_000;

/** The loaders of one request. */
export function createLoaders(
  { pool, store, clock }: { pool: Pool; store: RiskStore; clock: Clock },
  { viewer }: Caller,
): RiskLoaders {
  const recorded = new DataLoader<TransferId, RecordedAssessment | null>(async (ids) => {
    const found = await store.findAssessments(ids);
    return ids.map((id) => found.get(id) ?? null);
  });
  return {
    assessment: new DataLoader((ids) =>
      Promise.all(
        ids.map(async (id) => {
          const assessment = await recorded.load(id);
          const visible = assessment && viewer && (isStaff(viewer) || assessment.customerId === viewer.userId);
          return visible ? assessment : null;
        }),
      ),
    ),
    isAssessed: new DataLoader((ids) => Promise.all(ids.map(async (id) => (await recorded.load(id)) !== null))),
    highestScore: new DataLoader(async (ids) => {
      const since = new Date(clock.now().getTime() - PROFILE_DAYS * DAY_MS);
      const scores = await store.highestScores(ids, since);
      return ids.map((id) => scores.get(id) ?? 0);
    }),
    limits: new DataLoader(async (ids) => {
      const spending = await readSpending(pool, ids);
      return ids.map((id) => appliedLimits(spending.get(id) ?? []));
    }),
    alertPages: new DataLoader((pages) => readAlertPages(pool, pages), {
      cacheKeyFn: ({ userId, before, limit }) => `${userId} ${before} ${limit}`,
    }),
  };
}
