import { describe, expect, test } from '@jest/globals';
import { codeOf } from '../../platform/graph-errors.ts';
import { createPasswordHasher, HASH_OF_NOBODY } from './password-hasher.ts';

describe('the password hasher', () => {
  test('hashes with argon2id and the parameters of OWASP, each time with another salt', async () => {
    const hasher = createPasswordHasher();
    const first = await hasher.hash('correct horse');
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await hasher.hash('correct horse')).not.toBe(first);
    expect(await hasher.verify(first, 'correct horse')).toBe(true);
    expect(await hasher.verify(first, 'correct horsE')).toBe(false);
  });

  test('verifies against the hash of nobody at the same cost, and never rightly', async () => {
    const hasher = createPasswordHasher();
    const real = await hasher.hash('correct horse');
    // Same algorithm, version and parameters, same lengths of salt and hash: argon2 does the same work for both.
    expect(shape(HASH_OF_NOBODY)).toEqual(shape(real));
    expect(await hasher.verify(HASH_OF_NOBODY, '')).toBe(false);
    expect(await hasher.verify(HASH_OF_NOBODY, 'correct horse')).toBe(false);
  });

  test('refuses what would wait behind too many, and serves the others', async () => {
    const hasher = createPasswordHasher({ concurrency: 1, maxWaiting: 2 });
    const results = await Promise.allSettled(Array.from({ length: 5 }, (_, n) => hasher.hash(`password number ${n}`)));
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    const [refused] = results.filter((result) => result.status === 'rejected');
    expect(codeOf(refused?.reason)).toBe('OVERLOADED');
    // The turns have come back.
    await expect(hasher.hash('one more password')).resolves.toMatch(/^\$argon2id/);
  });

  test('gives its turn back when a run fails', async () => {
    const hasher = createPasswordHasher({ concurrency: 1, maxWaiting: 1 });
    await expect(hasher.verify('no hash', 'password')).rejects.toThrow();
    await expect(hasher.hash('correct horse')).resolves.toMatch(/^\$argon2id/);
  });
});

function shape(hash: string): unknown[] {
  const [, algorithm, version, parameters, salt, digest] = hash.split('$');
  return [algorithm, version, parameters, salt?.length, digest?.length];
}
