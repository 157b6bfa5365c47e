import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { BodyAborted, readBody } from './http-json.ts';

test('a client that goes while it sends is no fault of ours', async () => {
  const server = createServer();
  const arrived = new Promise<IncomingMessage>((resolve) => server.once('request', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('POST / HTTP/1.1\r\nHost: bank\r\nContent-Length: 100\r\n\r\n{');
  try {
    const body = readBody(await arrived, 1000);
    client.destroy();
    await expect(body).rejects.toBeInstanceOf(BodyAborted);
  } finally {
    client.destroy();
    server.close();
  }
});
