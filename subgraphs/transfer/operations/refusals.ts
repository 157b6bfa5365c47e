import { Refusal, type RefusalMeaning } from '../../../platform/refusal.ts';

/** Every code that the operations of staff refuse with. */
export type OperationsRefusal =
  | 'EXACTLY_ONE_SCOPE'
  | 'UNKNOWN_PROVIDER'
  | 'UNSUPPORTED_CURRENCY'
  | 'INVALID_REASON'
  | 'DEAD_LETTER_NOT_FOUND'
  | 'DEAD_LETTER_RESOLVED'
  | 'OWN_TRANSFER'
  | 'PROPOSAL_CHANGED'
  | 'SECOND_PERSON_REQUIRED'
  | 'PERSON_REQUIRED'
  | 'HOLD_NOT_FOUND'
  | 'HOLD_CLOSED'
  | 'HOLD_OF_POCKET'
  | 'TRANSFER_WAS_SENT'
  | 'TRANSFER_IN_REVIEW'
  | 'TRANSFER_NOT_FOUND'
  | 'TRANSFER_HAS_ENDED';

const never = (message: string): RefusalMeaning => ({ message, retryable: false });

/** What each code tells the caller. */
export const OPERATIONS_REFUSALS: Record<OperationsRefusal, RefusalMeaning> = {
  EXACTLY_ONE_SCOPE: never('Say exactly one of all, provider and currency.'),
  UNKNOWN_PROVIDER: never('This bank has no provider of that name.'),
  UNSUPPORTED_CURRENCY: never('This currency is not supported.'),
  INVALID_REASON: never('Say why in 1 to 500 characters.'),
  DEAD_LETTER_NOT_FOUND: never('There is no such dead letter.'),
  DEAD_LETTER_RESOLVED: never('This dead letter has ended.'),
  OWN_TRANSFER: never('Somebody else must decide about this transfer.'),
  PROPOSAL_CHANGED: never('This is not what is proposed now: read the letter again.'),
  SECOND_PERSON_REQUIRED: never('You have said so before: another person has to agree.'),
  PERSON_REQUIRED: never('Only a person with a name can say so.'),
  HOLD_NOT_FOUND: never('There is no such hold.'),
  HOLD_CLOSED: never('This hold has ended.'),
  HOLD_OF_POCKET: never('This is money in a pocket: only the owner of the account frees it.'),
  TRANSFER_WAS_SENT: never(
    'The transfer behind this hold was sent, or may have been: the money is not the customer’s to spend.',
  ),
  TRANSFER_IN_REVIEW: never('A person is to look at this transfer: end it with refuseTransfer.'),
  TRANSFER_NOT_FOUND: never('There is no such transfer.'),
  TRANSFER_HAS_ENDED: never('This transfer has ended: there is nothing to do again.'),
};

/** To throw. */
export function refuse(code: OperationsRefusal, field?: readonly string[]): Refusal<OperationsRefusal> {
  return new Refusal(code, field);
}
