/**
 * Composes the supergraph, offline: schema/common.graphql and each subgraph's schema.graphql (with those of its rooms) in,
 * schema/supergraph.graphql (what the gateway plans with) and schema/api.graphql (what clients see) out. Both are
 * committed; `--check` only says whether they are stale.
 */
import { printHelp } from '../platform/command-line.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { composeServices } from '@apollo/composition';
import { Supergraph } from '@apollo/federation-internals';
import { lexicographicSortSchema, parse, printSchema } from 'graphql';
import { SUBGRAPH_NAMES } from '../platform/subgraph.ts';
import { readTypeDefs } from '../platform/type-defs.ts';

/** A text that composition makes, by its file below the root. */
export type ComposedFiles = Record<'schema/supergraph.graphql' | 'schema/api.graphql', string>;

/** Raised with everything that composition found, hints included: a hint is a definition that two subgraphs tell differently. */
export class CompositionError extends Error {
  override readonly name = 'CompositionError';
}

/** Composes what stands below `root`; the same schemas always give the same text. */
export function compose(root: string): ComposedFiles {
  const common = readFileSync(join(root, 'schema/common.graphql'), 'utf8');
  const services = SUBGRAPH_NAMES.map((name) => ({
    name,
    // Where a subgraph answers is the deployment's to say; the gateway finds it by name.
    url: `dwaybank:${name}`,
    typeDefs: parse(`${common}\n${readTypeDefs(join(root, 'subgraphs', name))}`),
  }));
  const { supergraphSdl, errors, hints } = composeServices(services);
  const faults = [...(errors ?? []).map((error) => error.message), ...(hints ?? []).map((hint) => hint.toString())];
  if (faults.length > 0 || supergraphSdl === undefined) throw new CompositionError(faults.join('\n'));
  const api = Supergraph.build(supergraphSdl).apiSchema().toGraphQLJSSchema();
  return {
    'schema/supergraph.graphql': `${supergraphSdl.trimEnd()}\n`,
    'schema/api.graphql': `${printSchema(lexicographicSortSchema(api)).trimEnd()}\n`,
  };
}

/** The composed files below `root` that are missing or differ from what composition makes now. */
export function staleFiles(root: string, composed: ComposedFiles = compose(root)): string[] {
  return Object.entries(composed)
    .filter(([file, text]) => readIfThere(join(root, file)) !== text)
    .map(([file]) => file);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function main(root: string, checkOnly: boolean): number {
  try {
    const composed = compose(root);
    const stale = staleFiles(root, composed);
    if (checkOnly && stale.length > 0) {
      console.error(`Stale: ${stale.join(', ')}. Run \`npm run compose\` and commit the result.`);
      return 1;
    }
    for (const file of stale) writeFileSync(join(root, file), composed[file as keyof ComposedFiles]);
    console.log(stale.length > 0 ? `Composed ${stale.join(' and ')}.` : 'The supergraph is up to date.');
    return 0;
  } catch (error) {
    if (!(error instanceof CompositionError)) throw error;
    console.error(`The subgraphs do not compose:\n${error.message}`);
    return 1;
  }
}

const HELP = `npm run compose -- [--check]

Composes schema/common.graphql and the subgraphs' schemas, without a network, into schema/supergraph.graphql and
schema/api.graphql. Any hint of the composition is a fault. With --check it writes nothing: exit code 1 when they are stale.
`;

if (process.argv[1] === fileURLToPath(import.meta.url) && !printHelp(HELP, process.argv.slice(2))) {
  process.exitCode = main(join(import.meta.dirname, '..'), process.argv.includes('--check'));
}
