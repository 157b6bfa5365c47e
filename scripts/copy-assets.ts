/**
 * Second half of `npm run build`: puts what the code reads while it runs (schemas, migrations) beside the built code, at the
 * same places as in the sources.
 */
import { cpSync, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { SUBGRAPH_NAMES } from '../platform/subgraph.ts';
import { schemaFiles } from '../platform/type-defs.ts';

const owners = readdirSync('prisma').map((owner) => `prisma/${owner}/migrations`);
const subgraphs = SUBGRAPH_NAMES.flatMap((name) => schemaFiles(`subgraphs/${name}`));
for (const asset of ['schema', 'scripts/demo/samples', ...owners, ...subgraphs]) {
  if (existsSync(asset)) cpSync(asset, path.join('dist', asset), { recursive: true });
}
