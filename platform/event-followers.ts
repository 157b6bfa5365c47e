import { eventKeys } from './event-keys.ts';
import type { EventType, StoredEvent } from './events.ts';
import type { Logger } from './log.ts';

type Follower = (event: StoredEvent) => void;

/** Who is told of which events. */
export interface EventFollowers {
  /** Everything about one id. Returns how to stop. */
  follow(key: string, onEvent: Follower): () => void;
  /** Everything of one type. Returns how to stop. */
  followType<Type extends EventType>(type: Type, onEvent: (event: StoredEvent<Type>) => void): () => void;
  /** Calls everybody concerned once. One that throws is logged and stays. */
  tell(event: StoredEvent): void;
  anybody(): boolean;
}

export function createEventFollowers(log: Logger): EventFollowers {
  const byKey = new Map<string, Set<Follower>>();
  const byType = new Map<string, Set<Follower>>();
  return {
    follow: (key, onEvent) => register(byKey, key, onEvent),
    followType(type, onEvent) {
      // The set it stands in is only ever told of events of this type.
      return register(byType, type, onEvent as Follower);
    },
    tell(event) {
      // Gathered first: somebody who is concerned twice is told once, and who comes or goes meanwhile disturbs nobody.
      const concerned = new Set(byType.get(event.type));
      if (byKey.size > 0) {
        for (const key of eventKeys(event)) byKey.get(key)?.forEach((follower) => concerned.add(follower));
      }
      for (const follower of concerned) {
        try {
          follower(event);
        } catch (error) {
          log.error({ err: error, type: event.type }, 'a follower of the event tail failed');
        }
      }
    },
    anybody: () => byKey.size > 0 || byType.size > 0,
  };
}

function register(followers: Map<string, Set<Follower>>, key: string, onEvent: Follower): () => void {
  // Wrapped, so that the same function registered twice is two registrations.
  const follower: Follower = (event) => onEvent(event);
  const group = followers.get(key) ?? new Set();
  followers.set(key, group.add(follower));
  return () => {
    group.delete(follower);
    // A group that has emptied and been replaced by a new one under the same key stays out of the new one's way.
    if (group.size === 0 && followers.get(key) === group) followers.delete(key);
  };
}
