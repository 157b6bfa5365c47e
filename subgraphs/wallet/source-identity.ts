import { createHmac } from 'node:crypto';
import type { Secrets } from '../../platform/secrets.ts';

/**
 * What makes an outside source the same one, as it is stored: account numbers and card tokens are short enough to be guessed from
 * a plain hash, and nobody who reads the table needs them.
 */
export function hashIdentity(secrets: Secrets, parts: readonly string[]): Buffer {
  return createHmac('sha256', secrets.key('payment-method-identity')).update(JSON.stringify(parts)).digest();
}
