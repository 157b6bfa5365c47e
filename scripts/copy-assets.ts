/**
 * Second half of `npm run build`: puts what the code reads while it runs (schemas, migrations) beside the built code, at the
 * same places as in the sources.
 */
import { cpSync, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

const owners = readdirSync('prisma').map((owner) => `prisma/${owner}/migrations`);
const subgraphs = readdirSync('subgraphs').map((name) => `subgraphs/${name}/schema.graphql`);
for (const asset of ['schema', 'scripts/demo/samples', ...owners, ...subgraphs]) {
  if (existsSync(asset)) cpSync(asset, path.join('dist', asset), { recursive: true });
}
