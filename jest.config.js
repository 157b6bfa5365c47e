/** @type {import('jest').Config} */
export default {
  // Needs `node --experimental-vm-modules`, which `npm test` passes: the sources are ES modules.
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } },
    ],
  },
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  // One embedded Postgres for the whole run, with a template database that every test file copies.
  globalSetup: './tests/start-cluster.js',
  globalTeardown: './tests/stop-cluster.js',
  // Two keep a small machine's processors busy; a file that boots the whole bank brings processes of its own.
  maxWorkers: 2,
  // What a test file loads as ES modules is never freed. A worker that has grown is replaced: at the end of a run one of some gigabytes takes the
  // system longer to clear away than jest waits, and is then told as leaking.
  workerIdleMemoryLimit: '800MB',
  // Only what is broken takes so long: a machine may be several times slower than the one a test was written on.
  testTimeout: 240_000,
  collectCoverageFrom: [
    '{bank,gateway,ledger,platform,providers,scripts,subgraphs}/**/*.ts',
    '!**/*.test.ts',
    '!**/generated/**',
  ],
  // Code that moves money. Only a run of everything can reach these, so they are asked for by `npm run check` alone.
  coverageThreshold: {
    './ledger/': { lines: 95 },
    './subgraphs/transfer/': { lines: 95 },
    './platform/money.ts': { lines: 95 },
    './bank/fund-account.ts': { lines: 95 },
  },
};
