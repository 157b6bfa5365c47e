import type { Step } from '../payouts/book.ts';

/** What becomes of a payment, by the last four digits of the IBAN it goes to. The same digits mean much the same at every simulator. */
export interface Fate {
  /** How the file that was taken is answered. */
  answer: 'WELL' | 'NEVER' | 'ERROR';
  /** After how many usual times each step comes. FAILED and REVERSED have a reason code of ISO 20022. */
  steps: readonly Step[];
}

const SUCCEEDS: readonly Step[] = [
  { after: 0.5, status: 'PROCESSING' },
  { after: 0.5, status: 'SUCCEEDED' },
];
const WELL: Fate = { answer: 'WELL', steps: SUCCEEDS };

function rejected(reason: string): Fate {
  return { answer: 'WELL', steps: [{ after: 0.5, status: 'FAILED', reason }] };
}

const FATES: ReadonlyMap<string, Fate> = new Map([
  ['0001', rejected('AM04')],
  [
    '0002',
    {
      ...WELL,
      steps: [
        { after: 0.5, status: 'PROCESSING' },
        { after: 0.5, status: 'FAILED', reason: 'AC04' },
      ],
    },
  ],
  ['0003', { ...WELL, steps: [] }],
  ['0004', { ...WELL, steps: [...SUCCEEDS, { after: 1, status: 'REVERSED', reason: 'AC06' }] }],
  ['0005', { ...WELL, steps: SUCCEEDS.map((step) => ({ ...step, after: step.after * 20 })) }],
  ['0006', { ...WELL, answer: 'NEVER' }],
  ['0007', { ...WELL, answer: 'ERROR' }],
  ['0008', rejected('AC01')],
  ['0009', rejected('RR04')],
] satisfies [string, Fate][]);

/** The fate of a payment to an account. */
export function fateOf(iban: string): Fate {
  return FATES.get(iban.slice(-4)) ?? WELL;
}

/** A file that is wrong as a whole: all in it is rejected. */
export function rejectedFile(reason: string): Fate {
  return rejected(reason);
}
