import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { SUBGRAPH_NAMES } from '../platform/subgraph.ts';

/**
 * Who may import whom, as code: the table of docs/ARCHITECTURE.md. A rule is a pattern for the importing file and patterns
 * for what it may import beside packages; the first rule that fits a file holds for it.
 */
const subgraphRules = SUBGRAPH_NAMES.map((name): Rule => {
  const own = [`subgraphs/${name}/`, 'platform/'];
  const more: Record<string, string[]> = {
    wallet: ['ledger/', 'providers/'],
    transfer: ['ledger/', 'providers/'],
    user: ['providers/'],
    portfolio: ['providers/'],
    risk: ['providers/', 'ledger/limits.ts'],
    insights: ['providers/'],
  };
  return { from: `subgraphs/${name}/`, to: [...own, ...more[name]!], client: `prisma/${name}/client/` };
});

interface Rule {
  from: string;
  to: string[];
  /** The generated Prisma client, which only the owner's store.ts may import. */
  client?: string;
}

const rules: Rule[] = [
  { from: 'platform/', to: ['platform/'] },
  { from: 'ledger/', to: ['ledger/', 'platform/'] },
  { from: 'providers/', to: ['providers/', 'platform/'] },
  ...subgraphRules,
  {
    from: 'subgraphs/main.ts',
    to: ['platform/', 'bank/', ...SUBGRAPH_NAMES.map((name) => `subgraphs/${name}/subgraph.ts`)],
  },
  { from: 'gateway/', to: ['gateway/', 'platform/'] },
];

const sources = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter(Boolean);

/** Tests may import anything; what they test may not. */
const production = sources.filter((file) => !file.endsWith('.test.ts') && !file.startsWith('tests/'));

interface Edge {
  from: string;
  to: string;
  /** `import type` is erased: it counts for who may know whom, not for circles at run time. */
  typeOnly: boolean;
}

function importsOf(from: string): Edge[] {
  const text = readFileSync(from, 'utf8');
  const imports =
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^;'"]*?from\s+'(\.{1,2}\/[^']+)'|import\(\s*'(\.{1,2}\/[^']+)'/g;
  return [...text.matchAll(imports)].map(([, type, target, dynamic]) => ({
    from,
    to: path.posix.normalize(path.posix.join(path.posix.dirname(from), (target ?? dynamic)!)),
    typeOnly: type !== undefined,
  }));
}

const edges = production.flatMap(importsOf);

describe('the import table', () => {
  test('finds imports at all', () => {
    expect(edges.length).toBeGreaterThan(100);
    expect(edges).toContainEqual({ from: 'platform/money.ts', to: 'platform/refusal.ts', typeOnly: false });
  });

  test('is kept by every file', () => {
    const broken = edges.filter(({ from, to }) => {
      const rule = rules.find((candidate) => from.startsWith(candidate.from));
      if (!rule || to.includes('/generated/')) return false;
      if (rule.client && to.startsWith(rule.client)) return path.posix.basename(from) !== 'store.ts';
      return !rule.to.some((allowed) => to.startsWith(allowed));
    });
    expect(broken).toEqual([]);
  });

  test('lets no subgraph and no gateway import another', () => {
    const rooms = [...SUBGRAPH_NAMES.map((name) => `subgraphs/${name}/`), 'gateway/'];
    const roomOf = (file: string) => rooms.find((room) => file.startsWith(room));
    const across = edges.filter(({ from, to }) => roomOf(from) && roomOf(to) && roomOf(from) !== roomOf(to));
    expect(across).toEqual([]);
  });

  test('keeps simulators to who starts them, and subgraphs to the interface of a provider', () => {
    const simulators = edges.filter(
      ({ from, to }) => to.startsWith('providers/simulators/') && !/^(providers\/simulators|bank)\//.test(from),
    );
    expect(simulators).toEqual([]);
    const adapters = edges.filter(
      ({ from, to }) => /^subgraphs\/\w+\//.test(from) && to.startsWith('providers/stripe/'),
    );
    expect(adapters).toEqual([]);
  });

  test('has no circles at run time', () => {
    const targets = new Map<string, string[]>();
    for (const { from, to } of edges.filter(({ typeOnly }) => !typeOnly))
      targets.set(from, [...(targets.get(from) ?? []), to]);
    const state = new Map<string, 'open' | 'done'>();
    const circles: string[] = [];
    const visit = (file: string, trail: string[]): void => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        circles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const to of targets.get(file) ?? []) visit(to, [...trail, file]);
      state.set(file, 'done');
    };
    for (const file of targets.keys()) visit(file, []);
    expect(circles).toEqual([]);
  });

  test('keeps the environment to one reader', () => {
    const readers = production.filter(
      (file) =>
        !/^(scripts|bench)\//.test(file) &&
        /process\.env\b/.test(readFileSync(file, 'utf8')) &&
        !file.endsWith('/main.ts'),
    );
    expect(readers.sort()).toEqual(['prisma.config.ts']);
  });

  test('has no barrels and no utils', () => {
    const barrels = production.filter((file) => /(^|\/)(index|utils?|helpers?)\.ts$/.test(file));
    expect(barrels).toEqual([]);
  });
});
