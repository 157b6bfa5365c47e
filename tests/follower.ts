import { createClient, type Client } from 'graphql-ws';
import type { FormattedExecutionResult } from 'graphql';
import { WebSocket, type CloseEvent } from 'ws';
import { until } from './until.ts';

/** One subscription on a socket of its own. */
export interface Follower<Data = Record<string, unknown>> {
  /** What came so far; errors within a result are kept beside its data. */
  readonly results: FormattedExecutionResult<Data>[];
  /** Resolves with result `index` (from 0) as soon as there is one. */
  result(index: number): Promise<FormattedExecutionResult<Data>>;
  /** How the subscription ended, as soon as it has. */
  readonly ended: Promise<Ending>;
  /** Ends it as an app does that closes the screen. */
  leave(): Promise<void>;
  /** Cuts the connection, as a tunnel does. */
  cut(): void;
}

export interface Ending {
  /** Codes of the error message that ended it; empty for a `complete`. */
  codes: unknown[];
  /** The close code of the socket, where that ended it. */
  closeCode: number | null;
  /** Milliseconds since the process began. */
  atMs: number;
}

/** Follows a subscription. It does not come back by itself: what a reconnecting client does, tests do. */
export function follow<Data = Record<string, unknown>>(
  url: string,
  { token, query, variables }: { token: string | null; query: string; variables: Record<string, unknown> },
): Follower<Data> {
  let socket: WebSocket | undefined;
  const client: Client = createClient({
    url,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...(token !== null && { connectionParams: { authorization: `Bearer ${token}` } }),
    on: { connected: (connected) => (socket = connected as WebSocket) },
  });
  const results: FormattedExecutionResult<Data>[] = [];
  const ended = new Promise<Ending>((resolve) => {
    const end = (codes: unknown[], closeCode: number | null = null): void =>
      resolve({ codes, closeCode, atMs: performance.now() });
    client.subscribe<Data>(
      { query, variables },
      {
        next: (result) => results.push(result as FormattedExecutionResult<Data>),
        complete: () => end([]),
        error: (error) => {
          if (Array.isArray(error))
            end(error.map(({ extensions }: { extensions?: { code?: unknown } }) => extensions?.code));
          else end([], (error as CloseEvent).code ?? null);
        },
      },
    );
  });
  return {
    results,
    ended,
    result: async (index) => (await until(`result ${index} of the subscription`, () => results[index]))!,
    async leave() {
      await client.dispose();
      await ended;
    },
    cut: () => socket?.terminate(),
  };
}
