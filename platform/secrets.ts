import { hkdfSync } from 'node:crypto';

/**
 * Every key and role password comes from one secret by HKDF-SHA-256 (RFC 5869), each for one named purpose, so that
 * there is one thing to keep safe and no key serves two ends.
 */
export interface Secrets {
  /** 32 bytes for one purpose, for example "caller-signature". */
  key(purpose: string): Buffer;
  /** The password of a Postgres role. */
  rolePassword(role: string): string;
}

/** The keys that follow from the bank's one secret (at least 32 characters). */
export function deriveSecrets(secret: string): Secrets {
  // Derived once: every payment by email hashes under one of them. Purposes are names in the code, so there are few.
  const known = new Map<string, Buffer>();
  const key = (purpose: string): Buffer => {
    const derived = known.get(purpose) ?? Buffer.from(hkdfSync('sha256', secret, 'dwaybank', purpose, 32));
    known.set(purpose, derived);
    return derived;
  };
  return { key, rolePassword: (role) => key(`postgres-role:${role}`).toString('base64url') };
}
