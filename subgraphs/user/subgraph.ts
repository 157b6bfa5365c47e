import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { Subgraph } from '../../platform/subgraph.ts';
import type { UserId } from '../../platform/ids.ts';
import type { Role } from '../../platform/viewer.ts';
import { readTypeDefs } from '../../platform/type-defs.ts';
import type { NewCustomer } from './domain.ts';
import { createLoaders } from './loaders.ts';
import { createPasswordHasher, type PasswordHasher } from './password-hasher.ts';
import { registerCustomer } from './register.ts';
import { keepRemovingExpiredSessions } from './remove-expired-sessions.ts';
import { createResolvers } from './resolvers.ts';
import { createSigningKeys } from './signing-keys.ts';
import { createUserStore } from './store.ts';

/** The user subgraph, and what the bank itself may ask of it when it starts. */
export interface UserSubgraph extends Subgraph {
  /** Makes a customer without a session, for demo logins; throws the Refusal EMAIL_TAKEN when there is one already. */
  registerCustomer(input: NewCustomer, roles?: readonly Role[]): Promise<UserId>;
}

/** Wires the subgraph. `hasher` is given by tests that count its runs. */
export function createUserSubgraph(deps: SubgraphDeps & { hasher?: PasswordHasher }): UserSubgraph {
  const store = createUserStore(deps.pool);
  const now = () => deps.clock.now();
  const signingKeys = createSigningKeys(store, deps.secrets, now);
  const userDeps = { ...deps, store, signingKeys, hasher: deps.hasher ?? createPasswordHasher() };
  const stopRemoving = keepRemovingExpiredSessions(store, now, deps.log);
  return {
    name: 'user',
    typeDefs: readTypeDefs(import.meta.dirname),
    // The cast: what serves them knows loaders as unknown, and Apollo's type has no room for __resolveReference.
    resolvers: createResolvers(userDeps) as unknown as Subgraph['resolvers'],
    createLoaders: () => createLoaders(store),
    listeners: [],
    answers: { 'signing-keys': () => signingKeys.publicKeys() },
    registerCustomer: (input, roles) => registerCustomer(userDeps, input, roles),
    async stop() {
      await stopRemoving();
      await store.close();
    },
  };
}
