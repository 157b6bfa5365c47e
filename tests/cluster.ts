import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bankFolder } from '../bank/bank-folder.ts';
import { removeEmbeddedPostgres, startEmbeddedPostgres } from '../bank/embedded-postgres.ts';
import { isAlive } from '../bank/postmaster.ts';
import { createDatabase, prepareDatabase } from '../bank/prepare-database.ts';
import { deriveSecrets } from '../platform/secrets.ts';

/**
 * The one Postgres of a test run, in a temporary folder, with a prepared template database. Test files find it through the
 * environment, which jest hands to its workers.
 */
export const CLUSTER_VARIABLE = 'DWAYBANK_TEST_CLUSTER';
export const TEMPLATE = 'dwaybank_template';
export const TEST_SECRET = 'a secret for tests alone, of more than 32 characters';
const PREFIX = 'dwaybank-test-cluster-';

export async function startTestCluster(): Promise<{ stop(): Promise<void> }> {
  await removeAbandoned();
  const directory = mkdtempSync(path.join(tmpdir(), PREFIX));
  writeFileSync(path.join(directory, 'owner'), String(process.pid));
  const folder = bankFolder(directory);
  const secrets = deriveSecrets(TEST_SECRET);
  const postgres = await startEmbeddedPostgres({
    folder,
    secrets,
    settings: {
      max_connections: '300',
      // Spares the disk. What was committed survives the end of any process all the same, only not the machine's.
      fsync: 'off',
      full_page_writes: 'off',
      autovacuum_naptime: '10min',
    },
  });
  const stop = async () => {
    await removeEmbeddedPostgres(folder);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await createDatabase(postgres.adminUrl('postgres'), TEMPLATE);
    await prepareDatabase({ adminUrl: postgres.adminUrl(TEMPLATE), secrets });
  } catch (error) {
    await stop();
    throw error;
  }
  process.env[CLUSTER_VARIABLE] = postgres.adminUrl('postgres');
  return { stop };
}

/** A run that was killed could not stop its server; the next run does. */
async function removeAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const directory = path.join(tmpdir(), name);
    try {
      if (isAlive(Number(readFileSync(path.join(directory, 'owner'), 'utf8')))) continue;
      await removeEmbeddedPostgres(bankFolder(directory));
      rmSync(directory, { recursive: true, force: true });
    } catch {
      // Another user's, or being made or removed at this moment: not ours to tidy.
    }
  }
}
