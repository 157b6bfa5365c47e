import { readFileSync, readdirSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';

/** The codes that docs/errors.md explains: first cell of each table row. */
const documented = new Set(
  [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `([A-Z][A-Z0-9_]+)` \|/gm)].map(([, code]) => code!),
);

/** Each subgraph's refusals.ts, and those of its rooms. */
function refusalFiles(): string[] {
  return readdirSync('subgraphs', { recursive: true, encoding: 'utf8' })
    .filter((file) => path.basename(file) === 'refusals.ts')
    .map((file) => path.join('subgraphs', file));
}

/** Codes of user errors: the keys of every subgraph's total record of refusals. */
async function refusalCodes(): Promise<string[]> {
  const codes: string[] = [];
  // Found by their name, so that a new subgraph or room is covered by being there.
  for (const file of refusalFiles()) {
    const module = (await import(`../${file}`)) as Record<string, unknown>;
    const records = Object.entries(module).filter(
      ([key, value]) => key.endsWith('_REFUSALS') && typeof value === 'object',
    );
    expect(records.length).toBeGreaterThan(0);
    for (const [, record] of records) codes.push(...Object.keys(record as object));
  }
  return codes;
}

/** Codes of GraphQL errors: as they stand in the sources. */
function graphErrorCodes(): string[] {
  const files = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', 'gateway/*.ts', 'subgraphs/*.ts', 'platform/*.ts'],
    {
      encoding: 'utf8',
    },
  )
    .split('\n')
    .filter((file) => file && !file.endsWith('.test.ts'));
  // As codedError's argument, in the extensions of an error written out, as a constant, or as a default.
  const places =
    /(?:codedError\(\s*|refuse\(response, \d+, |extensions: \{ code: |_CODE = |BAD_INPUT = )'([A-Z][A-Z0-9_]+)'/g;
  return files.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(places)].map(([, code]) => code!));
}

/** What Apollo Server answers with by itself. */
const APOLLO_CODES = [
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'BAD_USER_INPUT',
  'BAD_REQUEST',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_FOUND',
];

describe('docs/errors.md', () => {
  test('explains every code that a client can meet', async () => {
    const codes = new Set([...(await refusalCodes()), ...graphErrorCodes(), ...APOLLO_CODES]);
    expect(codes.size).toBeGreaterThan(30);
    expect([...codes].filter((code) => !documented.has(code)).sort()).toEqual([]);
  });

  test('explains no code that does not exist', async () => {
    const codes = new Set([...(await refusalCodes()), ...graphErrorCodes(), ...APOLLO_CODES]);
    expect([...documented].filter((code) => !codes.has(code)).sort()).toEqual([]);
  });
});
