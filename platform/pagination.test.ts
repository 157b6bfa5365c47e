import { GraphQLError } from 'graphql';
import fc from 'fast-check';
import { describe, expect, test } from '@jest/globals';
import { parsePage, positionOfForm, toConnection } from './pagination.ts';

const isPosition = positionOfForm(/^\d+$/);

function codeOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    if (error instanceof GraphQLError) return error.extensions['code'];
    throw error;
  }
  return 'accepted';
}

describe('pages', () => {
  test.each([0, -1, 101, 100_000, 1.5])('first: %d is refused', (first) => {
    expect(codeOf(() => parsePage({ first }, 'list', {}, isPosition))).toBe('INVALID_PAGE_SIZE');
  });

  test.each([1, 100, null, undefined])('first: %s is accepted', (first) => {
    expect(codeOf(() => parsePage({ first }, 'list', {}, isPosition))).toBe('accepted');
  });

  test('walk every row once, in order, whatever the page size', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(), { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (ids, first) => {
        const rows = [...ids].sort((a, b) => a - b);
        const seen: number[] = [];
        let after: string | null = null;
        for (;;) {
          const page = parsePage({ first, after }, 'list', { owner: 'x' }, isPosition);
          const last = page.after ? Number(page.after[0]) : -1;
          const fetched = rows.filter((row) => row > last).slice(0, page.limit + 1);
          const connection = toConnection(
            fetched,
            page,
            (row) => [String(row)],
            (row) => row,
          );
          seen.push(...connection.edges.map(({ node }) => node));
          expect(connection.pageInfo.hasPreviousPage).toBe(after !== null);
          if (!connection.pageInfo.hasNextPage) break;
          after = connection.pageInfo.endCursor;
        }
        expect(seen).toEqual(rows);
      }),
    );
  });

  test('refuse a cursor of another list, another filter, or none of ours', () => {
    const page = parsePage({ first: 1 }, 'list:a', { status: ['COMPLETED'] }, isPosition);
    const cursor = toConnection(
      [1, 2],
      page,
      (row) => [String(row)],
      (row) => row,
    ).pageInfo.endCursor!;
    const use = (after: string, list: string, filter: object) =>
      codeOf(() => parsePage({ after }, list, filter as Record<string, unknown>, isPosition));
    expect(use(cursor, 'list:a', { status: ['COMPLETED'], type: null })).toBe('accepted');
    expect(use(cursor, 'list:b', { status: ['COMPLETED'] })).toBe('INVALID_CURSOR');
    expect(use(cursor, 'list:a', { status: ['FAILED'] })).toBe('INVALID_CURSOR');
    expect(use(cursor, 'list:a', {})).toBe('INVALID_CURSOR');
    expect(use('', 'list:a', {})).toBe('INVALID_CURSOR');
    expect(use('not a cursor', 'list:a', {})).toBe('INVALID_CURSOR');
    const forged = Buffer.from(JSON.stringify(['list:a', page.filterHash, "1' or true"])).toString('base64url');
    expect(use(forged, 'list:a', { status: ['COMPLETED'] })).toBe('INVALID_CURSOR');
  });
});
