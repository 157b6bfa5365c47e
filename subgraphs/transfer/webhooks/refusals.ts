import type { RefusalMeaning } from '../../../platform/refusal.ts';

/** Every code that the mutations of webhooks refuse with. */
export type WebhookRefusal =
  | 'INVALID_WEBHOOK_URL'
  | 'WEBHOOK_EVENT_TYPES_MISSING'
  | 'TOO_MANY_WEBHOOK_ENDPOINTS'
  | 'WEBHOOK_ENDPOINT_NOT_FOUND'
  | 'WEBHOOK_EVENT_NOT_FOUND';

const never = (message: string): RefusalMeaning => ({ message, retryable: false });

/** What each code tells the caller. */
export const WEBHOOK_REFUSALS: Record<WebhookRefusal, RefusalMeaning> = {
  INVALID_WEBHOOK_URL: never('The address must be an https URL of a public host, without a user name in it.'),
  WEBHOOK_EVENT_TYPES_MISSING: never('Choose at least one type of event.'),
  TOO_MANY_WEBHOOK_ENDPOINTS: never('You have as many addresses as one may have. Delete one first.'),
  WEBHOOK_ENDPOINT_NOT_FOUND: never('There is no such address.'),
  WEBHOOK_EVENT_NOT_FOUND: never('No such event was recorded for this address.'),
};
