import { createHash } from 'node:crypto';
import type { AccessTokenClaims } from '../platform/access-token.ts';
import { createPasswordHasher, type PasswordHasher } from '../subgraphs/user/password-hasher.ts';
import { createUserSubgraph, type UserSubgraph } from '../subgraphs/user/subgraph.ts';
import type { EventPayloads, EventType } from '../platform/events.ts';
import type { UserId } from '../platform/ids.ts';
import type { SubgraphDeps } from '../platform/subgraph-deps.ts';
import type { Viewer } from '../platform/viewer.ts';
import type { UserError } from '../platform/refusal.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { startOneSubgraph, viewerFor, type Asking, type OneSubgraph } from './one-subgraph.ts';

/** The user subgraph on a database of its own, with a clock that the test sets and a hasher that counts its runs. */
export interface UserWorld extends OneSubgraph<UserSubgraph> {
  database: TestDatabase;
  clock: { nowMs: number };
  argon2Runs(): number;
  /** Registers somebody new (or, with an input, somebody special) and returns the payload. */
  register(input?: Partial<typeof ADA>): Promise<AuthAnswer>;
  login(input: { email: string; password: string; deviceName?: string }, asking?: Asking): Promise<AuthAnswer>;
  refresh(refreshToken: string): Promise<AuthAnswer>;
  events<Type extends EventType>(type: Type): Promise<EventPayloads[Type][]>;
  close(): Promise<void>;
}

/** An AuthPayload as a client that expects success reads it: whoever was refused finds null in `user` and `tokens`. */
export interface AuthAnswer {
  user: { id: UserId; displayName: string; email: string; kycStatus: string; roles: string[]; createdAt: string };
  tokens: { accessToken: string; refreshToken: string; accessTokenExpiresAt: string };
  challenge: null;
  userErrors: UserError[];
  /** Codes of GraphQL errors. */
  errors: unknown[];
}

export const ADA = { email: 'ada@example.com', password: 'correct horse', displayName: 'Ada Lovelace' };

const AUTH = `user { id displayName email kycStatus roles createdAt } tokens { accessToken refreshToken accessTokenExpiresAt }
  challenge { id } userErrors { code message field retryable }`;

let people = 0;

/** Starts it on a database of its own, or as a second process on one that is there. */
export async function startUserWorld(shared?: TestDatabase, overrides: Partial<SubgraphDeps> = {}): Promise<UserWorld> {
  const database = shared ?? (await createTestDatabase());
  const clock = { nowMs: Date.now() };
  const hasher = countingHasher();
  const one = await startOneSubgraph(
    database,
    'dwaybank_user',
    (deps) => createUserSubgraph({ ...deps, hasher: hasher.hasher }),
    { clock: { now: () => new Date(clock.nowMs) }, ...overrides },
  );
  const admin = database.pool('postgres');
  const mutate = async (name: string, type: string, input: object, asking: Asking = {}): Promise<AuthAnswer> => {
    const query = `mutation ($input: ${type}!) { ${name}(input: $input) { ${AUTH} } }`;
    const { data, errors } = await one.execute<Record<string, AuthAnswer> | null>(query, {
      ...asking,
      variables: { input },
    });
    const refused = { user: null, tokens: null, challenge: null, userErrors: [] } as unknown as AuthAnswer;
    return { ...(data?.[name] ?? refused), errors: errors.map(({ code }) => code) };
  };
  return {
    ...one,
    database,
    clock,
    argon2Runs: () => hasher.runs,
    register: (input = {}) =>
      mutate('register', 'RegisterInput', { ...ADA, email: `person-${++people}@example.com`, ...input }),
    login: (input, asking) => mutate('login', 'LoginInput', input, asking),
    refresh: (refreshToken) => mutate('refreshSession', 'RefreshSessionInput', { refreshToken }),
    async events(type) {
      const { rows } = await admin.query<{ payload: EventPayloads[typeof type] }>(
        'SELECT payload FROM platform.event WHERE type = $1 ORDER BY xid, id',
        [type],
      );
      return rows.map(({ payload }) => payload);
    },
    async close() {
      await one.stop();
      if (!shared) await database.drop();
    },
  };
}

/** The real hasher, with its runs counted. */
function countingHasher(): { runs: number; hasher: PasswordHasher } {
  const real = createPasswordHasher();
  const counting = {
    runs: 0,
    hasher: {
      hash: (password: string) => (counting.runs++, real.hash(password)),
      verify: (hash: string, password: string) => (counting.runs++, real.verify(hash, password)),
    },
  };
  return counting;
}

/** The claims of an access token, unverified. */
export function claimsOf(accessToken: string): AccessTokenClaims {
  return JSON.parse(Buffer.from(accessToken.split('.')[1]!, 'base64url').toString('utf8')) as AccessTokenClaims;
}

/** The viewer whom the gateway would make of an access token. */
export function viewerOfToken(accessToken: string): Viewer {
  const { sub, sid } = claimsOf(accessToken);
  return { ...viewerFor(sub), sessionId: sid };
}

/** What is stored of a refresh token. */
export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
