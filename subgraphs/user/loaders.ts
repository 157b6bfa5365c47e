import DataLoader from 'dataloader';
import type { UserId } from '../../platform/ids.ts';
import type { UserParent } from './graph-types.ts';
import type { UserStore } from './store.ts';

export interface UserLoaders {
  /** Null for an id that nobody has. */
  userById: DataLoader<UserId, UserParent | null>;
}

/** The loaders of one request: all users it names are read in one statement. */
export function createLoaders(store: UserStore): UserLoaders {
  return {
    userById: new DataLoader(async (ids: readonly UserId[]) => {
      const found = new Map((await store.findUsers([...ids])).map((user) => [user.id, user]));
      return ids.map((id) => found.get(id) ?? null);
    }),
  };
}
