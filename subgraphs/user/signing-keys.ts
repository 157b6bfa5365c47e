import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { ACCESS_TOKEN_ALGORITHM } from '../../platform/access-token.ts';
import type { SigningKeys as PublicKeys } from '../../platform/questions/signing-keys.ts';
import type { Secrets } from '../../platform/secrets.ts';
import type { SigningKeyRow, UserStore } from './store.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The keys behind access tokens. */
export interface SigningKeys {
  /** The newest key; it signs. */
  newest(): Promise<{ kid: string; privateKey: KeyObject }>;
  /** Every public key, newest first: tokens of older keys stay good until they end. */
  publicKeys(): Promise<PublicKeys>;
}

/**
 * Keys live in the database, sealed with a key derived from the bank's secret, so that tokens outlive a restart and a
 * copy of the database alone signs nothing. The first process that needs one makes it; all others find it.
 */
export function createSigningKeys(store: UserStore, secrets: Secrets, now: () => Date): SigningKeys {
  const sealingKey = secrets.key('signing-keys');
  let newest: Promise<{ kid: string; privateKey: KeyObject }> | undefined;

  async function open() {
    const row = await store.newestSigningKey(() => createKey(sealingKey, now()));
    return { kid: row.kid, privateKey: unseal(sealingKey, row) };
  }

  return {
    newest() {
      // A failure is not kept: the database may be back for the next request.
      newest ??= open().catch((error: unknown) => {
        newest = undefined;
        throw error;
      });
      return newest;
    },
    async publicKeys() {
      // Also for a gateway that asks before anybody has logged in.
      await this.newest();
      return { keys: (await store.publicSigningKeys()) as JWK[] };
    },
  };
}

async function createKey(sealingKey: Buffer, createdAt: Date): Promise<SigningKeyRow> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const jwk = publicKey.export({ format: 'jwk' }) as JWK;
  const kid = await calculateJwkThumbprint(jwk);
  return {
    kid,
    publicJwk: { ...jwk, kid, alg: ACCESS_TOKEN_ALGORITHM, use: 'sig' },
    privateKey: seal(sealingKey, kid, privateKey),
    createdAt,
  };
}

function seal(sealingKey: Buffer, kid: string, privateKey: KeyObject): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', sealingKey, nonce, { authTagLength: TAG_BYTES }).setAAD(
    Buffer.from(kid),
  );
  const plain = privateKey.export({ format: 'der', type: 'pkcs8' });
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

function unseal(sealingKey: Buffer, { kid, privateKey }: SigningKeyRow): KeyObject {
  const nonce = privateKey.subarray(0, NONCE_BYTES);
  const tag = privateKey.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', sealingKey, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(kid))
    .setAuthTag(tag);
  try {
    const plain = Buffer.concat([decipher.update(privateKey.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    return createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new Error(`signing key ${kid} does not open: was it sealed under another DWAYBANK_SECRET?`, { cause });
  }
}
