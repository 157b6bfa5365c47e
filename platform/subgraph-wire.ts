/** What both ends of a call between processes agree on, beside the signature of viewer.ts. */

/** Paths of a subgraph's server; they are part of what is signed. */
export const GRAPHQL_PATH = '/graphql';
export const QUESTIONS_PATH = '/questions/';

/** An operation on the wire. */
export interface WireOperation {
  query: string;
  operationName?: string | null | undefined;
  variables?: Record<string, unknown> | null | undefined;
}

/** The text of an operation that is sent over HTTP and signed, and that is signed for a subscription on a socket. */
export function operationText({ query, operationName, variables }: WireOperation): string {
  return JSON.stringify({ query, operationName: operationName ?? undefined, variables: variables ?? {} });
}

/** The text that is signed to open a socket. */
export const SOCKET_TEXT = '';
