import DataLoader from 'dataloader';
import type { PostingId } from '../../platform/ids.ts';
import { isStaff, type Caller } from '../../platform/viewer.ts';
import { categoryOf } from './domain.ts';
import type { InsightsStore } from './store.ts';

export interface InsightsLoaders {
  /** The category of a statement line of the viewer's own, or of any for staff; else null. */
  category: DataLoader<PostingId, string | null>;
}

/** The loaders of one request. */
export function createLoaders(store: InsightsStore, { viewer }: Caller): InsightsLoaders {
  return {
    category: new DataLoader(async (ids) => {
      const lines = await store.findLines(ids);
      return ids.map((id) => {
        const line = lines.get(id);
        const visible = line && viewer && (isStaff(viewer) || line.ownerId === viewer.userId);
        return visible ? categoryOf(line.lineType) : null;
      });
    }),
  };
}
