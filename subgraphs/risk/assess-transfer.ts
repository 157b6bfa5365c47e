import { z } from 'zod';
import type { Clock } from '../../platform/clock.ts';
import type { Assessment, AssessTransferQuestion } from '../../platform/questions/assess-transfer.ts';
import { assess } from './domain.ts';
import type { RiskStore } from './store.ts';

/** What is read of the question, checked because it comes from another process. */
const questionSchema = z.object({
  customerId: z.uuid(),
  recipientId: z.uuid(),
  amountMinor: z.string().regex(/^[1-9][0-9]{0,37}$/),
  currency: z.string(),
}) satisfies z.ZodType<Pick<AssessTransferQuestion, 'amountMinor' | 'currency'>>;

/** Answers transfer's question before money moves. Stores nothing: the posting transaction records the assessment. */
export async function assessTransfer(
  { store, clock }: { store: RiskStore; clock: Clock },
  question: unknown,
): Promise<Assessment> {
  const { customerId, recipientId, amountMinor, currency } = questionSchema.parse(question);
  const now = clock.now();
  const assessedAt = now.toISOString();
  // Between own accounts nothing leaves the customer, so nothing can be compared: no factor applies.
  if (customerId === recipientId) return { score: 0, level: 'LOW', decision: 'ALLOW', factors: [], assessedAt };
  const history = await store.readHistory({ customerId, currency, now });
  return { ...assess(BigInt(amountMinor), currency, history), assessedAt };
}
