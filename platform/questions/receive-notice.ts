/**
 * What the gateway hands on to transfer when a provider calls /webhooks/<provider>: the request as it came, byte for byte, because
 * signatures are over bytes. Whether it is from the provider is transfer's to decide, which knows the secrets.
 */
export interface ReceiveNoticeQuestion {
  /** The last part of the path; nobody has checked yet that there is such a provider. */
  provider: string;
  /** By names in lower case, without what only the bank's own clients send. */
  headers: Record<string, string>;
  /** Base64. */
  body: string;
}

/** Whether it was taken. Only what was STORED may be forgotten by the provider; everything else it may send again. */
export interface ReceiveNoticeAnswer {
  outcome: 'STORED' | 'UNKNOWN_PROVIDER' | 'BAD_SIGNATURE' | 'MALFORMED';
}
