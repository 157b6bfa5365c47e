import { describe, expect, test } from '@jest/globals';
import { newId, parseId, type AccountId } from './ids.ts';

describe('ids', () => {
  test('are UUIDv7 that grow in the order of making, also within a millisecond and when the clock goes back', () => {
    const now = Date.now();
    const ids = [
      ...Array.from({ length: 10_000 }, () => newId<AccountId>()),
      newId<AccountId>(now - 60_000),
      newId<AccountId>(now + 60_000),
      newId<AccountId>(),
    ];
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('carry the time they were made', () => {
    const later = Date.now() + 3_600_000;
    expect(parseInt(newId<AccountId>(later).replaceAll('-', '').slice(0, 12), 16)).toBe(later);
  });

  test.each(['', 'x', '123', `${'0'.repeat(36)}`, "' OR 1=1", '01a1fdf3-a8cf-71ad-88ca-a7ad5b7bb45'])(
    'are not read from %j',
    (text) => {
      expect(parseId(text)).toBeNull();
    },
  );
});
