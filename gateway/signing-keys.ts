import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../platform/clock.ts';
import type { SubgraphTransport } from '../platform/subgraph.ts';

/**
 * The public keys of access tokens, as user answers them. They are kept, looked at again when they are old, and asked for at
 * once when a token names a key that is not among them (a new one is in use), though not at the pace of whoever invents names.
 */
export interface SigningKeys {
  /** The key a token's header names; throws jose's JWKSNoMatchingKey where there is none. */
  readonly keyFor: JWTVerifyGetKey;
  /** The keys as clients may see them. */
  published(): Promise<JSONWebKeySet>;
}

export interface SigningKeysDeps {
  user: Pick<SubgraphTransport, 'ask'>;
  clock: Clock;
}

const MAX_AGE_MS = 5 * 60_000;
const MIN_REFETCH_INTERVAL_MS = 5000;
const ASK_DEADLINE_MS = 3000;

interface Fetched {
  keys: JSONWebKeySet;
  find: ReturnType<typeof createLocalJWKSet>;
  atMs: number;
}

export function createSigningKeys({ user, clock }: SigningKeysDeps): SigningKeys {
  let fetched: Fetched | undefined;
  let fetching: Promise<Fetched> | undefined;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  const nowMs = (): number => clock.now().getTime();
  const mayFetchAgain = (): boolean => nowMs() - triedAtMs >= MIN_REFETCH_INTERVAL_MS;

  const fetchKeys = (): Promise<Fetched> => {
    triedAtMs = nowMs();
    fetching ??= user
      .ask('signing-keys', {}, AbortSignal.timeout(ASK_DEADLINE_MS))
      .then((answer) => {
        // The question's answer type is SigningKeys of platform/questions; jose checks each key when it uses it.
        const keys = { keys: (answer as JSONWebKeySet).keys };
        fetched = { keys, find: createLocalJWKSet(keys), atMs: nowMs() };
        return fetched;
      })
      .finally(() => {
        fetching = undefined;
      });
    return fetching;
  };
  const current = async (): Promise<Fetched> => {
    if (!fetched) return fetchKeys();
    // Nobody waits for old keys to be renewed; while user does not answer, those that are known stay good.
    if (nowMs() - fetched.atMs > MAX_AGE_MS && mayFetchAgain()) fetchKeys().catch(() => {});
    return fetched;
  };

  return {
    keyFor: async (header, token) => {
      const known = await current();
      try {
        return await known.find(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || !mayFetchAgain()) throw error;
        return (await fetchKeys()).find(header, token);
      }
    },
    published: async () => (await current()).keys,
  };
}
