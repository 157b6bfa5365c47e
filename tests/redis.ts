import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';

/** A redis-server of a test's own, from PATH, on a free port, that keeps nothing. */
export interface TestRedis {
  url: string;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** Why tests that need Redis cannot run here, or null. Put it into the title of what is skipped. */
export const noRedisReason: string | null =
  spawnSync('redis-server', ['--version']).status === 0 ? null : 'there is no redis-server in PATH';

/** The end of a title: empty, or why the tests below it are skipped. */
export const skippedWithoutRedis: string = noRedisReason ? ` (skipped: ${noRedisReason})` : '';

const START_DEADLINE_MS = 60_000;

/** Starts a Redis, or returns null where there is none. */
export async function startRedis(): Promise<TestRedis | null> {
  if (noRedisReason) return null;
  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-redis-'));
  let server = await start(port, folder);

  async function kill(): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    async restart() {
      await kill();
      server = await start(port, folder);
    },
    async flush() {
      const client = new Redis(port, '127.0.0.1');
      await client.flushall();
      client.disconnect();
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function start(port: number, folder: string): Promise<ChildProcess> {
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`redis-server did not start: ${output}`)), START_DEADLINE_MS);
    server.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (!output.includes('Ready to accept connections')) return;
      clearTimeout(timer);
      resolve();
    });
    server.once('exit', () => reject(new Error(`redis-server ended at its start: ${output}`)));
  });
  return server;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  // A server that listens on a port has an address object.
  return (address as { port: number }).port;
}
