import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, handleProtocols, makeServer, type ServerOptions } from 'graphql-ws';
import { WebSocket, WebSocketServer } from 'ws';
import type { Logger } from './log.ts';

/**
 * graphql-ws (the graphql-transport-ws protocol) on an HTTP server's path. graphql-ws brings its own binding to `ws`, which
 * prints what clients send wrong to the console; this one logs it, and bounds messages, sockets and what waits to be sent.
 */

/** What a socket's hooks know it by. */
export interface SocketExtra {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
}

export type SocketOptions = ServerOptions<Record<string, unknown>, SocketExtra>;

export interface GraphQLSocketDeps {
  log: Logger;
  server: HttpServer;
  path: string;
  maxMessageBytes: number;
  maxSockets: number;
  /** A socket that does not answer a ping within this time is ended. */
  keepAliveMs: number;
  options: SocketOptions;
}

export interface GraphQLSocket {
  /** How many sockets are open. */
  readonly size: number;
  /** Tells every client to go (1001), and cuts those off that do not. */
  close(): Promise<void>;
}

const GOING_AWAY = 1001;
const CLOSE_GRACE_MS = 500;

/** Serves graphql-ws on `path` of an HTTP server; upgrades to other paths are refused. */
export function attachGraphQLSocket(deps: GraphQLSocketDeps): GraphQLSocket {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: deps.maxMessageBytes,
    handleProtocols,
    perMessageDeflate: false,
  });
  // `ws` would answer what is no handshake as HTML.
  sockets.on('wsClientError', (_error, socket) => refuseUpgrade(socket, '400 Bad Request'));
  const graphql = makeServer<Record<string, unknown>, SocketExtra>(deps.options);

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // The client may be gone at any moment; without a listener that would end the process.
    socket.on('error', () => socket.destroy());
    if (request.url?.split('?')[0] !== deps.path) return refuseUpgrade(socket, '404 Not Found');
    if (sockets.clients.size >= deps.maxSockets) return refuseUpgrade(socket, '503 Service Unavailable');
    sockets.handleUpgrade(request, socket, head, (client) => serveSocket(deps, graphql, client, request));
  };
  deps.server.on('upgrade', onUpgrade);

  return {
    get size() {
      return sockets.clients.size;
    },
    close: async () => {
      deps.server.off('upgrade', onUpgrade);
      for (const client of sockets.clients) client.close(GOING_AWAY, 'Going away');
      const late = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
      }, CLOSE_GRACE_MS);
      await Promise.all([...sockets.clients].map((client) => new Promise((closed) => client.once('close', closed))));
      clearTimeout(late);
      sockets.close();
    },
  };
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function serveSocket(
  deps: GraphQLSocketDeps,
  graphql: ReturnType<typeof makeServer<Record<string, unknown>, SocketExtra>>,
  client: WebSocket,
  request: IncomingMessage,
): void {
  // Too large or malformed frames: `ws` closes the socket itself with the fitting code.
  client.on('error', (error) => deps.log.debug({ err: error }, 'socket error'));
  const stopPinging = keepAlive(client, deps.keepAliveMs);
  const closed = graphql.opened(
    {
      protocol: client.protocol,
      send: (message) =>
        new Promise((resolve) => {
          // A failed send means that the socket closes, which ends its operations by itself.
          if (client.readyState === WebSocket.OPEN) client.send(message, () => resolve());
          else resolve();
        }),
      close: (code, reason) => client.close(code, reason),
      onMessage: (handle) =>
        client.on('message', (message: Buffer) => {
          handle(message.toString('utf8')).catch((error: unknown) => {
            deps.log.error({ err: error }, 'a socket message could not be handled');
            client.close(CloseCode.InternalServerError, 'Internal server error');
          });
        }),
    },
    { socket: client, request },
  );
  client.once('close', (code, reason) => {
    stopPinging();
    closed(code, reason.toString()).catch((error: unknown) =>
      deps.log.error({ err: error }, 'closing a socket failed'),
    );
  });
}

/** Pings, and ends the socket when the last ping is still unanswered at the next: a dead peer must not hold streams open. */
function keepAlive(client: WebSocket, intervalMs: number): () => void {
  let answered = true;
  client.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) return client.terminate();
    answered = false;
    client.ping();
  }, intervalMs);
  return () => clearInterval(timer);
}
