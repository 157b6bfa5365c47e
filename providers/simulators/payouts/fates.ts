import type { Step } from './book.ts';

/**
 * What becomes of a payout in simulation, by the last four digits of the account, telephone number or IBAN it goes to. Everything
 * else succeeds. The table in providers/README.md says the same in words.
 */
export type Fate =
  /** Refused when it is asked for. */
  | { refusal: 'BALANCE' | 'ACCOUNT' }
  | {
      refusal: null;
      /** How the request that was taken is answered. */
      answer: 'WELL' | 'NEVER' | 'ERROR';
      /** After how many usual times each step comes. */
      steps: readonly Step[];
    };

const SUCCEEDS: readonly Step[] = [
  { after: 0.5, status: 'PROCESSING' },
  { after: 0.5, status: 'SUCCEEDED' },
];
const WELL = { refusal: null, answer: 'WELL', steps: SUCCEEDS } as const;
const REVERSAL = 'The beneficiary bank returned the money.';

const FATES: ReadonlyMap<string, Fate> = new Map<string, Fate>([
  ['0001', { refusal: 'BALANCE' }],
  [
    '0002',
    {
      ...WELL,
      steps: [
        { after: 0.5, status: 'PROCESSING' },
        { after: 0.5, status: 'FAILED', reason: 'The beneficiary bank could not be reached.' },
      ],
    },
  ],
  ['0003', { ...WELL, steps: [{ after: 0.5, status: 'PROCESSING' }] }],
  ['0004', { ...WELL, steps: [...SUCCEEDS, { after: 5, status: 'REVERSED', reason: REVERSAL }] }],
  [
    '0005',
    {
      ...WELL,
      steps: [
        { after: 10, status: 'PROCESSING' },
        { after: 10, status: 'SUCCEEDED' },
      ],
    },
  ],
  ['0006', { ...WELL, answer: 'NEVER' }],
  ['0007', { ...WELL, answer: 'ERROR' }],
  ['0008', { refusal: 'ACCOUNT' }],
]);

/** The fate of a payout to an account. */
export function fateOf(account: string): Fate {
  return FATES.get(account.slice(-4)) ?? WELL;
}
