import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { hash, verify } from '@node-rs/argon2';
import { codedError } from '../../platform/graph-errors.ts';

/** Turns passwords into what may be stored. Every call costs one run of argon2id. */
export interface PasswordHasher {
  hash(password: string): Promise<string>;
  verify(passwordHash: string, password: string): Promise<boolean>;
}

export interface PasswordHasherOptions {
  /** Runs at once. */
  concurrency: number;
  /** Runs that may wait for a turn; more are refused. */
  maxWaiting: number;
}

/** argon2id by the OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane. 2 is the binding's number for argon2id. */
const PARAMETERS = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/**
 * Half the cores at most: a rush of logins must not starve transfers, and each run takes 19 MiB. 64 waiting are about two
 * seconds of work for one core, which is as long as a person may be kept waiting.
 */
const DEFAULTS: PasswordHasherOptions = {
  concurrency: Math.max(1, Math.floor(availableParallelism() / 2)),
  maxWaiting: 64,
};

/**
 * A hash of the same cost that no password fits: verified in place of the hash of an unknown user, so that neither the
 * answer nor its time tells whether an email is registered.
 */
export const HASH_OF_NOBODY = `$argon2id$v=19$m=${PARAMETERS.memoryCost},t=${PARAMETERS.timeCost},p=${PARAMETERS.parallelism}$${phc(16)}$${phc(32)}`;

function phc(bytes: number): string {
  return randomBytes(bytes).toString('base64').replaceAll('=', '');
}

/** The hasher of a process: all its subgraphs and scripts must share one, or the bound would not hold. */
export function createPasswordHasher(options: Partial<PasswordHasherOptions> = {}): PasswordHasher {
  const inTurn = createTurns({ ...DEFAULTS, ...options });
  return {
    hash: (password) => inTurn(() => hash(password, PARAMETERS)),
    verify: (passwordHash, password) => inTurn(() => verify(passwordHash, password)),
  };
}

/** Runs work in order of arrival, so many at once, and refuses what would wait behind too many. */
function createTurns({ concurrency, maxWaiting }: PasswordHasherOptions) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (running < concurrency) {
      running++;
    } else {
      if (waiting.length >= maxWaiting)
        throw codedError('OVERLOADED', 'Too many people are logging in. Try again in a moment.');
      // Who leaves hands its turn over, so that nobody can slip in between.
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
