/** A sleep that can be cut short, also by a ring that came before it. */
export interface Alarm {
  /** Ends the sleep under way, or else the next one at once. */
  ring(): void;
  /** Sleeps until the next ring, at most so long. */
  sleep(ms: number): Promise<void>;
}

/** An alarm for one sleeper. */
export function createAlarm(): Alarm {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async sleep(ms) {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      wake = undefined;
      rung = false;
    },
  };
}
