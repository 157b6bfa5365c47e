import { percentile, type Turn } from './graph-load.ts';

/** What all turns of one operation with so many requests in flight came to. */
export interface Figures {
  operation: string;
  inFlight: number;
  /** Answers a second: the median of the turns. */
  rps: number;
  /** Of all answers together, in milliseconds. */
  p50: number;
  p95: number;
  p99: number;
  answers: number;
  /** How many of the smallest answers the gateway gives in the time of one of these, by the rates of the same turns. */
  smallestAnswers: number;
}

/** What createTransfer is to keep to. */
export const AIM = { operation: 'createTransfer, spread', inFlight: 64, p95Ms: 200 } as const;

/** Sums up the turns of one operation; `floor` are those of the smallest answer, in the same rounds. */
export function figuresOf(
  operation: string,
  inFlight: number,
  turns: readonly Turn[],
  floor: readonly Turn[],
): Figures {
  const latencies = turns.flatMap(({ latenciesMs }) => latenciesMs);
  return {
    operation,
    inFlight,
    rps: percentile(
      turns.map(({ rate }) => rate),
      0.5,
    ),
    p50: percentile(latencies, 0.5),
    p95: percentile(latencies, 0.95),
    p99: percentile(latencies, 0.99),
    answers: latencies.length,
    smallestAnswers: percentile(
      turns.map(({ rate }, round) => floor[round]!.rate / rate),
      0.5,
    ),
  };
}

/** Whether the aim was met, as a sentence. */
export function aimReached(figures: readonly Figures[]): { met: boolean; sentence: string } {
  const found = figures.find(({ operation, inFlight }) => operation === AIM.operation && inFlight === AIM.inFlight)!;
  const met = found.p95 < AIM.p95Ms;
  return {
    met,
    sentence: `aim: ${AIM.operation}, p95 below ${AIM.p95Ms} ms with ${AIM.inFlight} in flight: ${met ? 'met' : 'NOT met'} (${found.p95.toFixed(0)} ms)`,
  };
}

const COLUMNS: readonly [title: string, width: number, cell: (figures: Figures) => string][] = [
  ['operation', -24, ({ operation }) => operation],
  ['in flight', 9, ({ inFlight }) => String(inFlight)],
  ['rps', 8, ({ rps }) => rps.toFixed(0)],
  ['p50 ms', 9, ({ p50 }) => p50.toFixed(1)],
  ['p95 ms', 9, ({ p95 }) => p95.toFixed(1)],
  ['p99 ms', 9, ({ p99 }) => p99.toFixed(1)],
  ['answers', 9, ({ answers }) => String(answers)],
  ['x smallest', 12, ({ smallestAnswers }) => smallestAnswers.toFixed(1)],
];

/** The figures as a table for people. */
export function tableOf(figures: readonly Figures[]): string {
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) =>
        COLUMNS[index]![1] < 0 ? cell.padEnd(-COLUMNS[index]![1]) : cell.padStart(COLUMNS[index]![1]),
      )
      .join('')
      .trimEnd();
  const rows = figures.map((row) => line(COLUMNS.map(([, , cell]) => cell(row))));
  return [line(COLUMNS.map(([title]) => title)), ...rows].join('\n');
}
