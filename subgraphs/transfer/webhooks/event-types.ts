/** What webhooks tell of: the graph's enum and, beside each, the word in the posted body. */
export const WEBHOOK_EVENT_TYPES = {
  TRANSFER_UPDATED: 'transfer.updated',
  BALANCE_UPDATED: 'balance.updated',
  RISK_ALERT_RAISED: 'risk_alert.raised',
  WEBHOOK_SWITCHED_OFF: 'webhook.switched_off',
} as const;

export type WebhookEventType = keyof typeof WEBHOOK_EVENT_TYPES;
