import { ProviderOutcomeUnknownError } from '../card-provider.ts';
import type { Payout } from '../payout-provider.ts';
import type { Fact } from './read-report.ts';

/** What the bank's files have said about one payout so far. The order of files does not matter. */
export interface Story {
  /** The furthest of what was reported. */
  progress: 'NONE' | 'ACCEPTED' | 'CLEARING' | 'SETTLED';
  rejected: { code: string; message: string } | null;
  booked: boolean;
  feeMinor: bigint | null;
  returned: { code: string; message: string } | null;
}

export const NOTHING_TOLD: Story = { progress: 'NONE', rejected: null, booked: false, feeMinor: null, returned: null };

/** ISO 20022 external status codes; what is not here says nothing about money. */
const PROGRESS: Readonly<Record<string, Story['progress']>> = {
  RCVD: 'ACCEPTED', ACTC: 'ACCEPTED', ACCP: 'ACCEPTED', ACWC: 'ACCEPTED', PDNG: 'ACCEPTED', PATC: 'ACCEPTED',
  ACSP: 'CLEARING', ACFC: 'CLEARING', ACWP: 'CLEARING',
  ACSC: 'SETTLED', ACCC: 'SETTLED',
}; // prettier-ignore
const ORDER: readonly Story['progress'][] = ['NONE', 'ACCEPTED', 'CLEARING', 'SETTLED'];

/** In words, the reasons that customers can do something about (ISO 20022 external reason codes). */
const REASONS: Readonly<Record<string, string>> = {
  AC01: 'The account number is not one that the bank knows.',
  AC03: 'The account number is not one that the bank knows.',
  AC04: 'The account is closed.',
  AC06: 'The account is blocked.',
  AG01: 'The account does not take such payments.',
  AM04: 'There was too little money for the payment.',
  AM05: 'The payment was given twice.',
  BE01: 'The name does not fit the account.',
  MD07: 'The holder of the account has died.',
  MS03: 'The bank gives no reason.',
  RC01: 'The bank is not known.',
  RR04: 'The bank may not carry this payment.',
};

/** The story with one more fact. */
export function tell(story: Story, fact: Fact): Story {
  switch (fact.kind) {
    case 'STATUS': {
      if (fact.status === 'RJCT') {
        const code = fact.code ?? 'MS03';
        return { ...story, rejected: story.rejected ?? { code, message: inWords(code) } };
      }
      const progress = PROGRESS[fact.status] ?? 'NONE';
      return ORDER.indexOf(progress) > ORDER.indexOf(story.progress) ? { ...story, progress } : story;
    }
    case 'BOOKED':
      return { ...story, booked: true, feeMinor: story.feeMinor ?? fact.feeMinor };
    case 'RETURNED':
      return { ...story, returned: story.returned ?? { code: fact.code, message: inWords(fact.code) } };
  }
}

/**
 * What became of the payout by its story. What stands in a statement is money and counts before what is reported: a booked debit
 * is done, a credit for it has come back. Throws when the bank has said both yes and no and no statement decides.
 */
export function payoutOf(key: string, { progress, rejected, booked, feeMinor, returned }: Story): Payout {
  if (returned) return { outcome: 'RETURNED', reference: key, ...returned };
  if (booked) return { outcome: 'SUCCEEDED', reference: key, feeMinor };
  if (progress === 'SETTLED') {
    if (rejected)
      throw new ProviderOutcomeUnknownError(`the bank says that ${key} was settled and that it was rejected`);
    return { outcome: 'SUCCEEDED', reference: key, feeMinor: null };
  }
  if (rejected) return { outcome: 'DECLINED', reference: key, ...rejected };
  return { outcome: 'PENDING', reference: key, step: progress === 'CLEARING' ? 'CLEARING' : 'BANK_PROCESSING' };
}

function inWords(code: string): string {
  return REASONS[code] ?? 'The bank did not carry the payment.';
}
