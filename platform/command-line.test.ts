import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';

/** Runs a command as its npm script does, with nothing in the environment that it could use. */
function run(file: string, ...given: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', file, ...given], {
    env: { PATH: process.env['PATH'], DATABASE_URL: '', DWAYBANK_FOLDER: '/nowhere' },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('--help', () => {
  test.each([
    ['bank/main.ts', 'npm start'],
    ['gateway/main.ts', 'npm run start:gateway'],
    ['subgraphs/main.ts', 'npm run start:subgraph'],
    ['scripts/db-prepare.ts', 'npm run db:prepare'],
    ['scripts/fund.ts', 'npm run fund'],
    ['scripts/events.ts', 'npm run events'],
    ['scripts/ledger-check.ts', 'npm run ledger:check'],
    ['scripts/compose.ts', 'npm run compose'],
    ['bench/ledger.ts', 'npm run bench:ledger'],
  ])('of %s says how it is called, and does nothing else', (file, call) => {
    const { status, stdout, stderr } = run(file, '--help');
    expect([file, status, stderr]).toEqual([file, 0, '']);
    expect(stdout).toContain(call);
  });

  test('is offered for an argument that a command does not know', () => {
    for (const file of ['gateway/main.ts', 'scripts/db-prepare.ts']) {
      const { status, stdout, stderr } = run(file, '--prot', '4000');
      expect([file, status, stdout]).toEqual([file, 1, '']);
      expect(stderr).toContain('Unknown argument "--prot"');
    }
  });
});
