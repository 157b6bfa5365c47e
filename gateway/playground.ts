import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';

/** What the editor shows to somebody who comes for the first time. */
const DEFAULT_QUERY = `# Sign in with a demo login, then put the access token into the Headers tab below:
#   { "authorization": "Bearer …" }
# It counts for queries and, when they start, for live streams.

mutation SignIn {
  login(input: { email: "ada@example.com", password: "ada-demo-password" }) {
    tokens { accessToken }
    userErrors { code message }
  }
}

query Home {
  me {
    displayName
    accounts { edges { node { id name balance { available { amount currency } version } } } }
  }
}

subscription Live($accountId: ID!) {
  balanceUpdated(accountId: $accountId) {
    kind
    balance { available { amount currency } version }
  }
}
`;

/**
 * GraphiQL sends its headers with HTTP only. A socket has none that a page could set, so this puts them into connection_init,
 * from where GraphiQL keeps what stands in its Headers tab.
 */
const HEADERS_TO_SOCKET = `<script>
(() => {
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    try {
      const message = JSON.parse(data);
      if (message.type === 'connection_init') {
        const headers = JSON.parse(localStorage.getItem('graphiql:headers') || '{}');
        data = JSON.stringify({ ...message, payload: { ...headers, ...message.payload } });
      }
    } catch {}
    return send.call(this, data);
  };
})();
</script>`;

/** The page is whole in itself: it loads nothing from anywhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'unsafe-inline' 'unsafe-eval' blob: data:",
  "style-src 'unsafe-inline'",
  'img-src data: blob:',
  'font-src data:',
  'worker-src blob: data:',
  "connect-src 'self' ws: wss: blob: data:",
  "frame-ancestors 'none'",
].join('; ');

const PAGE_HEADERS = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' };

let page: { plain: Buffer; gzipped: Buffer } | undefined;

/** GraphiQL, from this process alone. Made on first use: it is nine megabytes, two when compressed. */
export function sendPlayground(request: IncomingMessage, response: ServerResponse): void {
  page ??= createPage();
  const gzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  const body = gzip ? page.gzipped : page.plain;
  response.writeHead(200, {
    ...PAGE_HEADERS,
    ...(gzip && { 'content-encoding': 'gzip' }),
    vary: 'accept-encoding',
    'content-length': body.length,
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  response.end(body);
}

function createPage(): { plain: Buffer; gzipped: Buffer } {
  const html = renderGraphiQL({
    title: 'DwayBank',
    endpoint: '/graphql',
    subscriptionsProtocol: 'WS',
    defaultQuery: DEFAULT_QUERY,
  });
  const plain = Buffer.from(html.replace('<head>', () => `<head>${HEADERS_TO_SOCKET}`));
  return { plain, gzipped: gzipSync(plain) };
}
