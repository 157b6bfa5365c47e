import { createHash } from 'node:crypto';
import { GraphQLError } from 'graphql';

/**
 * Keyset pagination: a cursor names the last row seen by its sort key, so that pages stay right while rows are added. It
 * also carries the list and the filter it came from: on another list, or with another filter, it is refused.
 */
export interface Page {
  /** Rows asked for, 1 to 100. Fetch one more to know whether there is a next page. */
  limit: number;
  /** Sort key of the row before this page; null at the beginning. */
  after: readonly string[] | null;
  list: string;
  filterHash: string;
}

export interface PageInfo {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  startCursor: string | null;
  endCursor: string | null;
}

export interface Connection<Node> {
  edges: { cursor: string; node: Node }[];
  pageInfo: PageInfo;
}

export const MAX_PAGE_SIZE = 100;

/**
 * The page that `first` and `after` ask for. `list` names the list and its owner, for example "account.transactions:<id>";
 * `filter` is everything else that chooses rows; `isPosition` says whether a sort key has the form this list writes.
 */
export function parsePage(
  args: { first?: number | null; after?: string | null },
  list: string,
  filter: Readonly<Record<string, unknown>>,
  isPosition: (position: readonly string[]) => boolean,
  defaultSize = 20,
): Page {
  const limit = args.first ?? defaultSize;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE_SIZE) {
    throw new GraphQLError(`first must be 1 to ${MAX_PAGE_SIZE}.`, { extensions: { code: 'INVALID_PAGE_SIZE' } });
  }
  const page: Page = { limit, after: null, list, filterHash: hashFilter(filter) };
  return args.after === null || args.after === undefined
    ? page
    : { ...page, after: readCursor(page, args.after, isPosition) };
}

/** The connection of at most `page.limit` of `rows`, which holds one row more when there is a next page. */
export function toConnection<Row, Node>(
  rows: readonly Row[],
  page: Page,
  positionOf: (row: Row) => readonly string[],
  toNode: (row: Row) => Node,
): Connection<Node> {
  const edges = rows
    .slice(0, page.limit)
    .map((row) => ({ cursor: writeCursor(page, positionOf(row)), node: toNode(row) }));
  return {
    edges,
    pageInfo: {
      hasNextPage: rows.length > page.limit,
      hasPreviousPage: page.after !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

/** True for sort keys made of exactly these forms. */
export function positionOfForm(...forms: readonly RegExp[]): (position: readonly string[]) => boolean {
  return (position) => position.length === forms.length && forms.every((form, index) => form.test(position[index]!));
}

function writeCursor(page: Page, position: readonly string[]): string {
  return Buffer.from(JSON.stringify([page.list, page.filterHash, ...position])).toString('base64url');
}

function readCursor(
  page: Page,
  cursor: string,
  isPosition: (position: readonly string[]) => boolean,
): readonly string[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(parts) && parts.every((part) => typeof part === 'string')) {
      const [list, filterHash, ...position] = parts;
      if (list === page.list && filterHash === page.filterHash && isPosition(position)) return position;
    }
  } catch {
    // What is no JSON is no cursor of ours either.
  }
  throw new GraphQLError('The cursor does not belong to this list and filter.', {
    extensions: { code: 'INVALID_CURSOR' },
  });
}

function hashFilter(filter: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(filter)
    .filter(([, value]) => value !== null && value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(entries)).digest('base64url').slice(0, 16);
}
