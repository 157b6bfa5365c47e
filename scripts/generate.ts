/**
 * Makes everything that is generated and not committed: a Prisma client for each owner and the resolver types of each
 * subgraph. Runs after `npm ci`, two generators at a time, so that `npm start` begins with generated code.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { SUBGRAPH_NAMES } from '../platform/subgraph.ts';

const AT_ONCE = 2;

const commands = [
  ...(existsSync('node_modules/@graphql-codegen/cli')
    ? [['node_modules/@graphql-codegen/cli/esm/bin.js', '--config', 'codegen.yml', '--silent']]
    : []),
  ...SUBGRAPH_NAMES.map((owner) => [
    'node_modules/prisma/build/index.js',
    'generate',
    '--schema',
    `prisma/${owner}/schema.prisma`,
  ]),
];

function run(command: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, command, {
      env: { ...process.env, PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`\`node ${command.join(' ')}\` failed (exit ${code}):\n${output}`)),
    );
  });
}

const waiting = [...commands];
async function worker(): Promise<void> {
  for (let next = waiting.shift(); next; next = waiting.shift()) await run(next);
}

try {
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
