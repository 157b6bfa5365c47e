import type { Queryable } from '../../platform/db.ts';
import { emailHash } from '../../platform/email-hash.ts';
import { appendEvents } from '../../platform/event-log.ts';
import { newId, type UserId } from '../../platform/ids.ts';
import { Refusal } from '../../platform/refusal.ts';
import type { Role } from '../../platform/viewer.ts';
import { parseNewCustomer, type NewCustomer } from './domain.ts';
import type { UserParent } from './graph-types.ts';
import type { UserRefusal } from './refusals.ts';
import { startSession, type Authenticated, type UserDeps } from './sessions.ts';
import { insertCustomer } from './store.ts';

/** Makes a customer and begins the first session: both or neither. */
export async function register(deps: UserDeps, input: NewCustomer): Promise<Authenticated> {
  return addCustomer(deps, input, ['CUSTOMER'], (tx, user) => startSession(deps, tx, user, null));
}

/** What registering without a session needs. */
export type RegisterCustomerDeps = Pick<UserDeps, 'store' | 'hasher' | 'secrets' | 'wakeUp' | 'clock'>;

/** Makes a customer without a session, for the bank itself. Throws the refusals of register, EMAIL_TAKEN among them. */
export async function registerCustomer(
  deps: RegisterCustomerDeps,
  input: NewCustomer,
  roles: readonly Role[] = ['CUSTOMER'],
): Promise<UserId> {
  return addCustomer(deps, input, roles, async (_tx, user) => user.id);
}

async function addCustomer<Result>(
  deps: RegisterCustomerDeps,
  input: NewCustomer,
  roles: readonly Role[],
  then: (tx: Queryable, user: UserParent) => Promise<Result>,
): Promise<Result> {
  const { email, password, displayName } = parseNewCustomer(input);
  // Asked before hashing only to save the work; what decides is the unique column, below.
  if (await deps.store.findCredentials(email)) throw new Refusal<UserRefusal>('EMAIL_TAKEN', ['email']);
  const passwordHash = await deps.hasher.hash(password);
  const createdAt = deps.clock.now();
  const id = newId<UserId>(createdAt.getTime());
  const result = await deps.store.transaction(async (tx) => {
    if (!(await insertCustomer(tx, { id, email, displayName, passwordHash, roles, createdAt }))) {
      throw new Refusal<UserRefusal>('EMAIL_TAKEN', ['email']);
    }
    const payload = { userId: id, displayName, emailHash: emailHash(deps.secrets, email) };
    await appendEvents(tx, [{ type: 'UserRegistered', key: id, payload }]);
    return then(tx, { id, email, displayName, roles: [...roles], kycStatus: 'PENDING', createdAt });
  });
  deps.wakeUp.signal();
  return result;
}
