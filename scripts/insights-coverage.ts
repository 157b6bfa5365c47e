/** `npm run insights:coverage -- [FILE]`: how well the rules know merchants whose code is known. */
import { existsSync, readFileSync } from 'node:fs';
import Table from 'cli-table3';
import { printHelp } from '../platform/command-line.ts';
import { runMain } from '../platform/main-process.ts';
import { StartError } from '../platform/start-error.ts';
import {
  measureCoverage,
  percent,
  type Coverage,
  type CoverageReport,
} from '../subgraphs/insights/categories/measure-coverage.ts';
import { MerchantsFileError, readMerchants } from '../subgraphs/insights/categories/read-merchants.ts';

const DEFAULT_FILE = '../shared/data/mcc/merchants.csv';
const HELP = `npm run insights:coverage -- [FILE]

Categorises the merchants of a CSV file (columns merchant_name and mcc_code; ${DEFAULT_FILE} unless given) by
their names and compares with what follows from their merchant category codes. Reads nothing but the file.
`;

runMain(async () => {
  const given = process.argv.slice(2);
  if (printHelp(HELP, given)) return 'done';
  if (given.length > 1) throw new StartError(`One file at a time.\n\n${HELP}`);
  if (given[0]?.startsWith('-')) throw new StartError(`Unknown option "${given[0]}".\n\n${HELP}`);
  const file = given[0] ?? DEFAULT_FILE;
  process.stdout.write(describeCoverage(file, measureCoverage(read(file))));
  return 'done';
});

function read(file: string) {
  if (!existsSync(file)) throw new StartError(`There is no file ${file}.\n\n${HELP}`);
  try {
    return readMerchants(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof MerchantsFileError) throw new StartError(`${file}: ${error.message}`);
    throw error;
  }
}

function describeCoverage(file: string, report: CoverageReport): string {
  const { byName, byWordsAlone, withCode, categories, gaps, unknownCodes } = report;
  const counts = ({ merchants, covered, agreeing }: Coverage) => [
    String(merchants),
    String(covered),
    percent(covered, merchants),
    String(agreeing),
    percent(agreeing, merchants),
  ];
  const columns = ['merchants', 'covered', '', 'agreeing', ''];
  return [
    file,
    table(
      ['evidence', ...columns],
      [
        ['name: brands and words', ...counts(byName)],
        ['name: words alone', ...counts(byWordsAlone)],
        ['name and code', ...counts(withCode)],
      ],
    ),
    'covered: a category was found. agreeing: it is the one that follows from the code.',
    'By name, by the category of the code:',
    table(
      ['category', ...columns],
      categories.map((category) => [category.category, ...counts(category)]),
    ),
    ...(gaps.length > 0 ? ['By name, not covered or not agreeing:', describeGaps(gaps)] : []),
    ...(unknownCodes.length > 0 ? [`Not counted, their code is in no range: ${unknownCodes.length}`] : []),
    '',
  ].join('\n');
}

/** Gaps of the same kind together, the largest first. */
function describeGaps(gaps: CoverageReport['gaps']): string {
  const kinds = new Map<string, string[]>();
  for (const { name, expected, found } of gaps) {
    const kind = `${expected}\t${found ?? 'nothing'}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), name]);
  }
  const largestFirst = [...kinds].sort(([, a], [, b]) => b.length - a.length);
  return table(
    ['by code', 'by name', 'merchants', 'for example'],
    largestFirst.map(([kind, names]) => [...kind.split('\t'), String(names.length), names.slice(0, 3).join('; ')]),
  );
}

function table(head: string[], rows: string[][]): string {
  const made = new Table({ head, style: { head: [], border: [] } });
  made.push(...rows);
  return made.toString();
}
