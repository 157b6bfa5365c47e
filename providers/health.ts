import { POLICY } from '../platform/policy.ts';

/** How a provider has done of late. */
export interface Health {
  /** Notes a call that went well or not. What a provider declines went well. */
  note(wentWell: boolean): void;
  /** 0 to 100: the share of calls that went well, the recent ones counting more. */
  score(): number;
}

/**
 * Counts calls with a weight that halves over `healthHalfLifeMs`, so that an old fault is forgotten also where nobody calls.
 * A few imagined good calls stand for what is not known: they never fade, and so health comes back to 100 by itself.
 */
export function createHealth(now: () => number): Health {
  const { healthHalfLifeMs, healthPrior } = POLICY.providers;
  let [good, bad, countedAt] = [0, 0, now()];
  const fade = () => {
    const at = now();
    // A clock that was set back makes nothing grow.
    const factor = 0.5 ** (Math.max(0, at - countedAt) / healthHalfLifeMs);
    [good, bad, countedAt] = [good * factor, bad * factor, at];
  };
  return {
    note(wentWell) {
      fade();
      if (wentWell) good++;
      else bad++;
    },
    score() {
      fade();
      return (100 * (good + healthPrior)) / (good + bad + healthPrior);
    },
  };
}
