import { ConfigError } from './config.ts';
import { StartError } from './start-error.ts';

/**
 * The life of a process: it starts step by step, each step says how it is undone, and the first SIGINT or SIGTERM (or a
 * failed start) undoes them, last first. A second signal does not wait.
 */
export interface MainProcess {
  /** How to undo what was just started. */
  onStop(undo: () => Promise<void> | void): void;
  /** The last thing to do when nobody waits any more; must not wait itself. */
  onForce(react: () => void): void;
  /** True from the first signal on: a start under way gives up at its next step. */
  readonly stopping: boolean;
  /** Ends the process because something it cannot live without has gone. */
  fail(reason: string): void;
}

/** All steps of stopping together may take so long; then the process ends all the same. */
const STOP_TIMEOUT_MS = 4_500;

export interface MainOptions {
  /**
   * True when npm runs this process: npm hands a signal to its shell, which ends without handing it on. So the end of the
   * parent counts as a signal.
   */
  endsWithParent: boolean;
}

const PARENT_POLL_MS = 250;

/** One Ctrl-C can arrive twice, from the terminal and from npm; only a signal later than this is a second one. */
const SAME_SIGNAL_MS = 500;

/** Runs a process. `start` returns when it serves; for a command that just ends, stop it by returning `'done'`. */
export function runMain(
  start: (main: MainProcess) => Promise<'serving' | 'done'>,
  { endsWithParent }: MainOptions = { endsWithParent: false },
): void {
  const undos: (() => Promise<void> | void)[] = [];
  const forced: (() => void)[] = [];
  let stopped: Promise<void> | undefined;
  let signalledAt = 0;
  let started: Promise<void> = Promise.resolve();

  const stop = (exitCode: number): Promise<void> => {
    stopped ??= (async () => {
      const deadline = setTimeout(() => force(exitCode || 1), STOP_TIMEOUT_MS);
      // A start under way gives up at its next step; until then it may still say what there is to undo.
      await started;
      while (undos.length > 0) {
        try {
          await undos.pop()!();
        } catch (error) {
          // One step that fails must not keep the others from being undone.
          complain(error);
        }
      }
      clearTimeout(deadline);
      process.exit(exitCode);
    })();
    return stopped;
  };

  const force = (exitCode: number): never => {
    for (const react of forced) react();
    process.exit(exitCode);
  };

  const main: MainProcess = {
    onStop(undo) {
      undos.push(undo);
    },
    onForce: (react) => forced.push(react),
    get stopping() {
      return stopped !== undefined;
    },
    fail(reason) {
      if (stopped) return;
      process.stderr.write(`${reason}\n`);
      void stop(1);
    },
  };

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopped && performance.now() - signalledAt > SAME_SIGNAL_MS) force(1);
      if (!stopped) signalledAt = performance.now();
      void stop(0);
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      if (stopped) return;
      complain(error);
      void stop(1);
    });
  }
  if (endsWithParent) {
    const parent = process.ppid;
    setInterval(() => (process.ppid === parent ? undefined : void stop(0)), PARENT_POLL_MS).unref();
  }
  started = start(main).then(
    (outcome) => void (outcome === 'done' && stop(0)),
    (error: unknown) => {
      // What breaks because we are stopping is no news.
      if (stopped) return;
      complain(error);
      void stop(1);
    },
  );
}

/** A sentence for what a person can put right, the stack for what is a bug. */
function complain(error: unknown): void {
  const expected = error instanceof StartError || error instanceof ConfigError;
  const text = error instanceof Error ? (expected ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`${text}\n`);
}
