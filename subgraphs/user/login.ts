import { emailHash } from '../../platform/email-hash.ts';
import { Refusal } from '../../platform/refusal.ts';
import type { ClientOrigin } from '../../platform/viewer.ts';
import { fitsPassword, normalisePassword, parseDeviceName, parseEmail } from './domain.ts';
import type { UserParent } from './graph-types.ts';
import { HASH_OF_NOBODY } from './password-hasher.ts';
import type { UserRefusal } from './refusals.ts';
import { startSession, type Authenticated, type UserDeps } from './sessions.ts';

export interface Credentials {
  email: string;
  password: string;
  deviceName?: string | null;
}

/**
 * Begins a session for who knows the password. An unknown email, a malformed one and a wrong password differ in nothing:
 * one run of argon2id each, the same refusal, the same limits.
 */
export async function login(deps: UserDeps, origin: ClientOrigin, credentials: Credentials): Promise<Authenticated> {
  const deviceName = parseDeviceName(credentials.deviceName);
  const failures = failureLimits(deps, origin, credentials.email);
  await failures.check();
  const user = await findByPassword(deps, credentials);
  if (!user) {
    // Counting may throw RATE_LIMITED: then this guess, too, stays without an answer.
    await failures.count();
    throw new Refusal<UserRefusal>('INVALID_CREDENTIALS');
  }
  // Asked again, because guesses sent all at once have all passed the first check.
  await failures.check();
  return deps.store.transaction((tx) => startSession(deps, tx, user, deviceName));
}

async function findByPassword(deps: UserDeps, { email, password }: Credentials): Promise<UserParent | null> {
  const known = parseEmail(email);
  const found = known === null ? null : await deps.store.findCredentials(known);
  const fits = fitsPassword(password);
  const matches = await deps.hasher.verify(
    found && fits ? found.passwordHash : HASH_OF_NOBODY,
    fits ? normalisePassword(password) : '',
  );
  return found && matches ? found.user : null;
}

/** Wrong guesses are limited for each email from each address and for each address; an unknown address has no second limit. */
function failureLimits({ limits, secrets }: UserDeps, { ip }: ClientOrigin, email: string) {
  const pair = `${emailHash(secrets, email)}/${ip ?? ''}`;
  return {
    async check() {
      await limits.check('login-failure', pair);
      if (ip !== null) await limits.check('login-failure-address', ip);
    },
    async count() {
      // Both are counted, also when the first is already too many.
      if (ip !== null) await limits.penalize('login-failure-address', ip);
      await limits.consume('login-failure', pair);
    },
  };
}
