import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { StartError } from '../../platform/start-error.ts';

/** A running bank, as an app sees it: one address, HTTP and graphql-ws. */
export interface BankClient {
  url: string;
  /** Sends one operation; throws DemoFault when the answer carries errors. `Data` is what the demo knows of its shape. */
  ask<Data>(query: string, variables: Record<string, unknown>, token?: string): Promise<Data>;
  /** Follows a subscription until `leave`. */
  follow<Data>(query: string, variables: Record<string, unknown>, token: string): Following<Data>;
  close(): Promise<void>;
}

/** A subscription under way. */
export interface Following<Data> {
  readonly events: readonly Data[];
  /** Resolves with the events as soon as `enough` says so; rejects when the stream ends or `seconds` have passed before. */
  until(what: string, enough: (events: readonly Data[]) => boolean, seconds?: number): Promise<readonly Data[]>;
  leave(): Promise<void>;
}

/** The bank did not do what the demo asked; the message is for a person. */
export class DemoFault extends Error {
  override readonly name = 'DemoFault';
}

const DEVICE = 'demo-phone';
const REQUEST_TIMEOUT_MS = 30_000;

/** Connects to a bank that is ready, or says in one sentence what to do. */
export async function connectBank(url: string): Promise<BankClient> {
  const ready = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) }).catch(() => null);
  if (!ready) throw new StartError(`Nothing answers at ${url}: start the bank first (npm start), or say --url.`);
  if (!ready.ok) throw new StartError(`The bank at ${url} is not ready (${ready.status}): ${await ready.text()}`);
  const sockets = new Set<Client>();
  return {
    url,
    ask: (query, variables, token) => ask(url, query, variables, token),
    follow(query, variables, token) {
      const client = createClient({
        url: `${url.replace(/^http/, 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        connectionParams: { authorization: `Bearer ${token}` },
      });
      sockets.add(client);
      return follow(client, query, variables);
    },
    async close() {
      for (const client of sockets) await client.dispose();
    },
  };
}

interface GraphAnswer<Data> {
  data?: Data;
  errors?: { message: string; path?: unknown[]; extensions?: { code?: string } }[];
}

async function ask<Data>(url: string, query: string, variables: object, token?: string): Promise<Data> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-device-id': DEVICE,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  // The gateway answers in JSON whatever happens.
  const { data, errors } = (await response.json()) as GraphAnswer<Data>;
  if (errors || !data) throw new DemoFault(describeErrors(errors));
  return data;
}

function describeErrors(errors: GraphAnswer<unknown>['errors']): string {
  return (errors ?? [])
    .map(({ message, path, extensions }) => `${extensions?.code ?? 'ERROR'} at ${path?.join('.') ?? '?'}: ${message}`)
    .join('; ');
}

function follow<Data>(client: Client, query: string, variables: Record<string, unknown>): Following<Data> {
  const events: Data[] = [];
  let ending: string | null = null;
  let look = () => {};
  const changed = () => look();
  client.subscribe<Data>(
    { query, variables },
    {
      next({ data, errors }) {
        if (data && !errors) events.push(data);
        else ending = describeErrors(errors as GraphAnswer<Data>['errors']);
        changed();
      },
      complete() {
        ending ??= 'the stream ended';
        changed();
      },
      error(error) {
        ending = Array.isArray(error)
          ? describeErrors(error as GraphAnswer<Data>['errors'])
          : 'the connection was lost';
        changed();
      },
    },
  );
  return {
    events,
    until: (what, enough, seconds = 30) =>
      new Promise((resolve, reject) => {
        const fail = (why: string) => reject(new DemoFault(`${what}: ${why}`));
        const timer = setTimeout(() => fail(`not within ${seconds} seconds`), seconds * 1000);
        look = () => {
          if (!enough(events) && ending === null) return;
          clearTimeout(timer);
          look = () => {};
          if (enough(events)) resolve(events);
          else fail(ending!);
        };
        look();
      }),
    leave: async () => client.dispose(),
  };
}
