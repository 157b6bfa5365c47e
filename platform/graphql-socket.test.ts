import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { buildSchema } from 'graphql';
import { attachGraphQLSocket } from './graphql-socket.ts';
import { createLog } from './log.ts';

test.each([
  [
    'a bad key',
    'GET',
    ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: x'],
  ],
  ['another protocol', 'GET', ['Upgrade: h2c', 'Connection: Upgrade']],
  ['another method', 'POST', ['Upgrade: websocket', 'Connection: Upgrade', 'Content-Length: 0']],
])('an upgrade with %s is refused without a page', async (_, method, headers) => {
  const server = createServer();
  const socket = attachGraphQLSocket({
    log: createLog('silent'),
    server,
    path: '/graphql',
    maxMessageBytes: 1000,
    maxSockets: 1,
    keepAliveMs: 1000,
    options: { schema: buildSchema('type Query { a: Int }') },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.write(`${method} /graphql HTTP/1.1\r\nHost: bank\r\n${headers.join('\r\n')}\r\n\r\n`);
    let answer = '';
    for await (const chunk of client) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).not.toMatch(/html/i);
  } finally {
    await socket.close();
    server.close();
  }
});
