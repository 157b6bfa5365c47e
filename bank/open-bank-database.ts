import { createServer } from 'node:net';
import { checkDatabase } from '../platform/check-database.ts';
import type { Config } from '../platform/config.ts';
import type { MainProcess } from '../platform/main-process.ts';
import { deriveSecrets, type Secrets } from '../platform/secrets.ts';
import { StartError, systemCode } from '../platform/start-error.ts';
import { bankFolder } from './bank-folder.ts';
import { claimDatabase, removeBank } from './claim-database.ts';
import { BANK_DATABASE } from './embedded-postgres.ts';
import { serviceRole } from './owners.ts';
import { connectAdmin, createDatabase, isPrepared, prepareDatabase } from './prepare-database.ts';

/** Prints one line per step of the start. */
export type Progress = (step: string) => void;

/** The database a bank runs on, prepared. */
export interface BankDatabase {
  /** Roles connect to this place with their own names and passwords. */
  databaseUrl: string;
  secrets: Secrets;
}

/** The first half of a start: everything that a person may have to put right is found here. */
export async function openBankDatabase(
  main: MainProcess,
  config: Config,
  options: { fresh: boolean; progress: Progress },
): Promise<BankDatabase> {
  await checkPort(config);
  return config.databaseUrl === null
    ? openEmbedded(main, config, options)
    : openServer(config, config.databaseUrl, options);
}

async function openEmbedded(
  main: MainProcess,
  config: Config,
  { fresh, progress }: { fresh: boolean; progress: Progress },
): Promise<BankDatabase> {
  const folder = bankFolder(config.folder);
  if (fresh) {
    await removeBank(folder);
    progress(`Removed what was in ${folder.path}`);
  }
  const { postgres, secrets } = await claimDatabase(folder, main, progress);
  progress(postgres.adopted ? 'Postgres, left running by a bank that was killed, taken over' : 'Postgres');
  const adminUrl = postgres.adminUrl(BANK_DATABASE);
  await createDatabase(postgres.adminUrl('postgres'), BANK_DATABASE);
  await prepare(adminUrl, secrets, progress);
  return { databaseUrl: adminUrl, secrets };
}

async function openServer(
  config: Config,
  databaseUrl: string,
  { fresh, progress }: { fresh: boolean; progress: Progress },
): Promise<BankDatabase> {
  if (fresh) {
    throw new StartError(
      '--fresh removes the embedded bank of this folder only: unset DATABASE_URL, or empty your database yourself.',
    );
  }
  // readConfig refuses DATABASE_URL without a secret.
  const secrets = deriveSecrets(config.secret!);
  await prepare(databaseUrl, secrets, progress);
  await checkDatabase(databaseUrl, { role: serviceRole('platform'), secrets });
  progress('Postgres of DATABASE_URL');
  return { databaseUrl, secrets };
}

/** Runs what is missing of roles, schemas and migrations; looks with one query whether anything is. */
async function prepare(adminUrl: string, secrets: Secrets, progress: Progress): Promise<void> {
  const admin = await connectAdmin(adminUrl);
  const prepared = await isPrepared(admin).finally(() => admin.end());
  if (!prepared) await prepareDatabase({ adminUrl, secrets, onProgress: progress });
}

/** Said before anything is started, because starting takes time; the gateway itself says it when the port goes meanwhile. */
async function checkPort({ host, port }: Config): Promise<void> {
  if (port === 0) return;
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => {
      const taken = systemCode(error) === 'EADDRINUSE';
      // What else may be wrong with the address is explained by the gateway.
      if (!taken) return resolve();
      reject(
        new StartError(
          `Port ${port} of ${host} is taken, perhaps by a bank that runs already: end what listens there, or choose another with \`npm start -- --port N\`.`,
        ),
      );
    });
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}
