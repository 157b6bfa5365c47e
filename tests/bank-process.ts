import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The bank as people run it: a process of its own that prints where it is. */
export interface BankProcess {
  /** http://127.0.0.1:port */
  url: string;
  child: ChildProcess;
  /** What it printed so far. */
  output(): string;
  /** kill -9 of the process, of its whole group, or of the process and its Postgres; returns when the process is gone. */
  kill(target: 'process' | 'group' | 'process and Postgres'): Promise<void>;
  /** SIGTERM; returns the exit code when it has ended. */
  stop(): Promise<number | null>;
}

const READY = /GraphQL\s+(http:\/\/\S+)\/graphql/;
const START_DEADLINE_MS = 120_000;

/** Starts the bank of a folder and resolves when it serves; rejects with what it printed when it ends before. */
export async function startBankProcess(
  folder: string,
  { options = ['--port', '0'], environment = {} }: { options?: string[]; environment?: NodeJS.ProcessEnv } = {},
): Promise<BankProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'bank/main.ts', ...options], {
    env: {
      ...process.env,
      DATABASE_URL: '',
      REDIS_URL: '',
      STRIPE_SECRET_KEY: '',
      STRIPE_URL: '',
      DWAYBANK_FOLDER: folder,
      LOG_LEVEL: 'error',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that a test can end the group and not itself.
    detached: true,
  });
  let output = '';
  const exited = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the bank was not ready within ${START_DEADLINE_MS} ms:\n${output}`));
    }, START_DEADLINE_MS);
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const ready = READY.exec(output);
      if (ready) {
        clearTimeout(timer);
        resolve(ready[1]!);
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    void exited.then(() => {
      clearTimeout(timer);
      reject(new Error(`the bank ended before it was ready:\n${output}`));
    });
  });
  return {
    url,
    child,
    output: () => output,
    async kill(target) {
      if (target === 'process and Postgres') process.kill(postmasterOf(folder), 'SIGKILL');
      process.kill(target === 'group' ? -child.pid! : child.pid!, 'SIGKILL');
      await exited;
    },
    async stop() {
      child.kill('SIGTERM');
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
}

/** The process id of the Postgres that has a bank's folder open: the first line of its lock file. */
function postmasterOf(folder: string): number {
  return Number(readFileSync(path.join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
}
