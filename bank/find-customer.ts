import type pg from 'pg';
import { normaliseEmail } from '../platform/email-hash.ts';
import type { UserId } from '../platform/ids.ts';
import { createUserStore } from '../subgraphs/user/store.ts';

/** The customer with this email, or null. `pool` connects as the user's service. */
export async function findCustomer(pool: pg.Pool, email: string): Promise<UserId | null> {
  // Asked through the owner's store: nobody else knows the user's tables.
  const store = createUserStore(pool);
  try {
    return (await store.findCredentials(normaliseEmail(email)))?.user.id ?? null;
  } finally {
    await store.close();
  }
}
