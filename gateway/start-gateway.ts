import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../platform/clock.ts';
import { codedError, INTERNAL_CODE, INTERNAL_MESSAGE } from '../platform/graph-errors.ts';
import { sendJson } from '../platform/http-json.ts';
import type { Logger } from '../platform/log.ts';
import { createRateLimits } from '../platform/rate-limits.ts';
import type { SubgraphName, SubgraphTransport } from '../platform/subgraph.ts';
import { createAuthenticate } from './authenticate.ts';
import { answerGraphQL, sendNotFound, type GraphQLHttpDeps } from './graphql-http.ts';
import { createGraphQLServer } from './graphql-server.ts';
import { createLimitCheck } from './limits.ts';
import { sendPlayground } from './playground.ts';
import { createProviderWebhooks, WEBHOOKS_PATH, type ProviderWebhooks } from './provider-webhooks.ts';
import { failingChecks, subgraphChecks, type ReadinessChecks } from './readiness.ts';
import type { Sessions } from './sessions.ts';
import { createSigningKeys, type SigningKeys } from './signing-keys.ts';
import { createFederation } from './supergraph.ts';
import { serveSubscriptions } from './subscriptions/server.ts';

export interface GatewayDeps {
  /** Where schema/supergraph.graphql is; followed while it runs. */
  supergraphPath: string;
  /** The way to each subgraph. They are their giver's to close. */
  transports: Record<SubgraphName, SubgraphTransport>;
  /** Which sessions have ended (followSessions); its giver's to close. */
  sessions: Sessions;
  /** What else must answer for /ready, for example the database. */
  checks?: ReadinessChecks;
  config: GatewayConfig;
  clock: Clock;
  log: Logger;
}

export interface GatewayConfig {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** No introspection, no playground. */
  production: boolean;
  /** How many proxies of our own stand before it. */
  trustedProxies: number;
  /** How long an operation may take; 10 s unless given. */
  deadlineMs?: number;
  /** Where limits are counted that all gateways share; unless given each counts for itself. */
  redisUrl?: string | null;
}

export interface RunningGateway {
  /** http://host:port */
  url: string;
  /** Refuses new connections, lets requests under way finish within a moment, ends streams. */
  close(): Promise<void>;
}

/** To receive a whole request; a client that sends a byte a second is not waited for. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** How often Node looks for those who take longer. */
const TIMEOUTS_EVERY_MS = 5_000;
/**
 * How long a quiet connection is kept. Longer than clients and load balancers keep theirs (60 s is usual): whoever closes first
 * must not be the server, or a request that is just being sent on the connection is lost.
 */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const CLOSE_GRACE_MS = 2000;

/** The only door for clients: starts the gateway and resolves when it listens. */
export async function startGateway(deps: GatewayDeps): Promise<RunningGateway> {
  const { config, clock, log, sessions } = deps;
  const federation = createFederation(deps);
  const server = createGraphQLServer({ federation, sessions, log, production: config.production });
  await server.start();
  const signingKeys = createSigningKeys({ user: deps.transports.user, clock });
  const authenticate = createAuthenticate({ keyFor: signingKeys.keyFor, clock, hasEnded: sessions.hasEnded });
  const shared = { server, authenticate, checkLimits: createLimitCheck(), ...config, clock, log };
  const limits = createRateLimits({ redisUrl: config.redisUrl ?? null, log });
  const { trustedProxies } = config;
  const door: Door = {
    graphql: shared,
    signingKeys,
    answerWebhook: createProviderWebhooks({ transfer: deps.transports.transfer, limits, trustedProxies, log }),
    checks: { ...subgraphChecks(deps.transports), ...deps.checks },
    production: config.production,
    log,
  };
  const http = createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUTS_EVERY_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    },
    (request, response) => void route(door, request, response),
  );
  http.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseMalformed(error, socket));
  const subscriptions = serveSubscriptions({ ...shared, http, federation, sessions, transports: deps.transports });
  try {
    await listen(http, config);
  } catch (error) {
    await subscriptions.close();
    await server.stop();
    await limits.close();
    throw error;
  }
  return {
    url: `http://${config.host}:${(http.address() as AddressInfo).port}`,
    close: async () => {
      const closed = new Promise((resolve) => http.close(resolve));
      http.closeIdleConnections();
      const late = setTimeout(() => http.closeAllConnections(), CLOSE_GRACE_MS);
      await subscriptions.close();
      await closed;
      clearTimeout(late);
      await server.stop();
      await limits.close();
    },
  };
}

interface Door {
  graphql: GraphQLHttpDeps;
  signingKeys: SigningKeys;
  answerWebhook: ProviderWebhooks;
  checks: ReadinessChecks;
  production: boolean;
  log: Logger;
}

function listen(http: Server, { host, port }: GatewayConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, host, () => {
      http.off('error', reject);
      resolve();
    });
  });
}

/** Every answer is JSON (but the playground's page), and nothing thrown here can end the process. */
async function route(door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on('error', (error) => door.log.debug({ err: error }, 'an answer could not be sent'));
  const path = request.url?.split('?')[0];
  try {
    if (path === '/graphql') return await answerGraphQL(door.graphql, request, response);
    if (path?.startsWith(WEBHOOKS_PATH)) return await door.answerWebhook(request, response);
    if (path === '/health') return sendJson(response, 200, { status: 'ok' });
    if (path === '/ready') return await sendReadiness(door, response);
    if (path === '/.well-known/jwks.json') return await sendKeys(door, response);
    if (path === '/playground' && !door.production) return sendPlayground(request, response);
    sendNotFound(response);
  } catch (error) {
    door.log.error({ err: error, path }, 'a request failed');
    sendJson(response, 503, { errors: [codedError(INTERNAL_CODE, INTERNAL_MESSAGE)] });
  }
}

/** What is not HTTP, or has headers beyond Node's bound, never becomes a request; it too is told so in JSON. */
function refuseMalformed({ code }: NodeJS.ErrnoException, socket: Duplex): void {
  if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const status = code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const error = codedError('BAD_REQUEST', 'This is not a request that can be read.');
  const body = JSON.stringify({ errors: [error] });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

async function sendReadiness({ checks }: Door, response: ServerResponse): Promise<void> {
  const failing = await failingChecks(checks);
  if (failing.length === 0) sendJson(response, 200, { status: 'ready' });
  else sendJson(response, 503, { status: 'not ready', failing });
}

async function sendKeys({ signingKeys }: Door, response: ServerResponse): Promise<void> {
  sendJson(response, 200, await signingKeys.published(), { 'cache-control': 'public, max-age=300' });
}
