/** `npm run db:prepare`: brings the database of DATABASE_URL (or of this folder) to what this code needs. */
import { prepareDatabase } from '../bank/prepare-database.ts';
import { printHelp, refuseArguments } from '../platform/command-line.ts';
import { readConfig } from '../platform/config.ts';
import { runMain } from '../platform/main-process.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { StartError } from '../platform/start-error.ts';

const HELP = `npm run db:prepare

Makes roles and schemas and runs the migrations in the database of DATABASE_URL, which must exist; run it again after every
update. The user of the URL may create roles, and schemas in that database. Needs DWAYBANK_SECRET, from which the roles'
passwords follow.
`;

runMain(async () => {
  const given = process.argv.slice(2);
  if (printHelp(HELP, given)) return 'done';
  refuseArguments(HELP, given);
  const config = readConfig(process.env);
  if (config.databaseUrl === null || config.secret === null) {
    throw new StartError(
      'Set DATABASE_URL (of a user that may create roles and schemas) and DWAYBANK_SECRET; the embedded bank prepares its own database in `npm start`.',
    );
  }
  await prepareDatabase({
    adminUrl: config.databaseUrl,
    secrets: deriveSecrets(config.secret),
    onProgress: (step) => process.stdout.write(`${step}\n`),
  });
  process.stdout.write('The database is ready.\n');
  return 'done';
});
