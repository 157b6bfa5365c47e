/**
 * Boots the bank as the README says, asks it one question as a client, plays the demo on it, stops it, and boots it once more
 * on the same folder.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const PORT = 4017;
const REAL_STATEMENTS = ['ofx/checking.ofx', 'camt053/camt053.v4.xml'].map(
  (file) => `../shared/data/statements/${file}`,
);
const FIRST_START_MS = 30_000;
const LATER_START_MS = 8_000;
const STOP_MS = 5_000;
/** Slower machines than a laptop run this too; the README's times are printed, and only a gross miss fails. */
const PATIENCE = 3;

async function boot(limitMs: number, whileUp: () => void = () => {}): Promise<void> {
  const began = performance.now();
  const bank = spawn('npm', ['start', '--', '--port', String(PORT)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let output = '';
  const exited = once(bank, 'exit');
  const ready = new Promise<void>((resolve, reject) => {
    bank.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk);
      output += chunk.toString();
      if (output.includes(`http://127.0.0.1:${PORT}/graphql`)) resolve();
    });
    void exited.then(() => reject(new Error('the bank ended before it was ready')));
    setTimeout(
      () => reject(new Error(`the bank was not ready in ${limitMs * PATIENCE} ms`)),
      limitMs * PATIENCE,
    ).unref();
  });
  try {
    await ready;
    console.log(`ready after ${Math.round(performance.now() - began)} ms`);
    const response = await fetch(`http://127.0.0.1:${PORT}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ __typename }' }),
    });
    const answer = (await response.json()) as { data?: { __typename?: string } };
    if (answer.data?.__typename !== 'Query') throw new Error(`unexpected answer: ${JSON.stringify(answer)}`);
    whileUp();
  } finally {
    const stopping = performance.now();
    // The group is what Ctrl-C reaches: npm, its shell and the bank.
    if (bank.pid && bank.exitCode === null) process.kill(-bank.pid, 'SIGTERM');
    await exited;
    while (isAlive(-bank.pid!)) {
      if (performance.now() - stopping > STOP_MS * PATIENCE) throw new Error('the bank took too long to stop');
      await delay(20);
    }
    console.log(`stopped after ${Math.round(performance.now() - stopping)} ms`);
  }
  if (existsSync('.dwaybank/postgres/postmaster.pid')) throw new Error('the bank has left its Postgres behind');
}

/** Whether a process, or with a negative number any of its group, is there. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The README's demo: on its own samples, and on a bank's real statement files where they are at hand. */
function playDemos(): void {
  const real = REAL_STATEMENTS.filter((file) => existsSync(file));
  for (const files of [[], ...real.map((file) => [file])]) {
    const statements = files.flatMap((file) => ['--statement', file]);
    const demo = ['run', '--silent', 'demo', '--', '--url', `http://127.0.0.1:${PORT}`, ...statements];
    const { status } = spawnSync('npm', demo, { stdio: 'inherit' });
    if (status !== 0) throw new Error(`npm run demo ended with ${status}: ${files.join(' ') || 'own samples'}`);
  }
}

await boot(FIRST_START_MS, playDemos);
await boot(LATER_START_MS);
