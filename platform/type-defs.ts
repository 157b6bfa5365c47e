import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const FILE = 'schema.graphql';

/** The files that a subgraph's schema is written in: its own and, after it, that of each of its rooms that has one. */
export function schemaFiles(folder: string): string[] {
  const rooms = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.join(folder, entry.name, FILE))
    .filter((file) => existsSync(file))
    .sort();
  return [path.join(folder, FILE), ...rooms];
}

/** What a subgraph adds to the graph, as one text; schema/common.graphql is not part of it. */
export function readTypeDefs(folder: string): string {
  return schemaFiles(folder)
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
}
