import { connect } from 'node:net';
import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { newId, type SessionId } from '../platform/ids.ts';
import { composeSmallBank, startSmallBank, type SmallBank, type SmallBankOptions } from '../tests/small-bank.ts';
import { until } from '../tests/until.ts';

let bank: SmallBank;
const start = async (options?: SmallBankOptions): Promise<SmallBank> => (bank = await startSmallBank(options));
afterEach(() => bank.stop());

const codesOf = (errors: { extensions: { code: string } }[] = []) => errors.map(({ extensions }) => extensions.code);

describe('authentication at the door', () => {
  test('a bad token is answered with 401, whatever is asked', async () => {
    await start();
    for (const token of [await bank.sign({ expiresInSeconds: -1 }), 'garbage', `${await bank.sign()}x`]) {
      bank.asked.length = 0;
      const answer = await bank.query('{ signedIn }', { token });
      expect([answer.status, ...codesOf(answer.errors)]).toEqual([401, 'UNAUTHENTICATED']);
      expect(bank.asked).toEqual([]);
    }
  });

  test('without a token public fields answer and the others say UNAUTHENTICATED', async () => {
    await start();
    const answer = await bank.query('{ signedIn me { id } }');
    expect(answer.data).toEqual({ signedIn: false, me: null });
    expect(codesOf(answer.errors)).toEqual(['UNAUTHENTICATED']);
  });

  test('a session that ends voids its tokens, and only its own', async () => {
    await start();
    const sessionId = newId<SessionId>();
    const [token, other] = [await bank.sign({ sessionId }), await bank.sign()];
    expect((await bank.query('{ signedIn }', { token })).data).toEqual({ signedIn: true });
    bank.endSession(sessionId);
    expect((await bank.query('{ signedIn }', { token })).status).toBe(401);
    expect((await bank.query('{ signedIn }', { token: other })).data).toEqual({ signedIn: true });
  });

  test('logout is answered when the token is already void here, however it is written', async () => {
    await start();
    for (const mutation of [
      'mutation { logout }',
      'mutation { bye: logout }',
      'mutation { ...f } fragment f on Mutation { ... { logout } }',
    ]) {
      const token = await bank.sign();
      expect((await bank.query(mutation, { token })).errors).toBeUndefined();
      expect((await bank.query('{ signedIn }', { token })).status).toBe(401);
    }
  });

  test('X-Forwarded-For is believed as far as our own proxies reach', async () => {
    await start({ config: { trustedProxies: 1 } });
    const ipFor = async (forwarded?: string) => {
      const headers: Record<string, string> = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
      const { data } = await bank.query('{ whoAsks }', { headers });
      return (JSON.parse(data!['whoAsks'] as string) as { origin: { ip: string | null } }).origin.ip;
    };
    expect(await ipFor('203.0.113.7')).toBe('203.0.113.7');
    expect(await ipFor('1.2.3.4, 203.0.113.7')).toBe('203.0.113.7');
    expect(await ipFor('not an address')).toBeNull();
    expect(await ipFor()).toBeNull();
  });
});

describe('production', () => {
  test('has neither introspection nor playground, and helps nobody to guess', async () => {
    await start({ config: { production: true } });
    const answer = await bank.query(getIntrospectionQuery());
    expect(codesOf(answer.errors)).toContain('GRAPHQL_VALIDATION_FAILED');
    expect(answer.data).toBeUndefined();
    expect((await fetch(`${bank.url}/playground`)).status).toBe(404);
    const guess = await bank.query('{ signedI }');
    expect(JSON.stringify(guess.errors)).not.toContain('Did you mean');
    expect((await bank.query('{ signedIn }')).data).toEqual({ signedIn: false });
  });
});

describe('a subgraph that is down', () => {
  test('costs only its own fields, is named by its work, and makes the gateway not ready', async () => {
    await start({ wiring: 'http' });
    const token = await bank.sign();
    const address = new URL(bank.url).hostname;
    await bank.kill('risk');
    const answer = await bank.query(
      '{ me { displayName riskLevel } riskRules account(id: "1") { name owner { riskScore } } }',
      { token },
    );
    expect(answer.status).toBe(200);
    expect(answer.data).toEqual({
      me: { displayName: expect.any(String), riskLevel: null },
      riskRules: null,
      account: { name: 'Account 1', owner: { riskScore: null } },
    });
    expect(new Set(codesOf(answer.errors))).toEqual(new Set(['SUBGRAPH_UNAVAILABLE']));
    expect(JSON.stringify(answer.errors)).not.toMatch(new RegExp(`${address}|ECONNREFUSED|http`));

    const ready = await fetch(`${bank.url}/ready`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'not ready', failing: ['risk'] }]);
    expect((await fetch(`${bank.url}/health`)).status).toBe(200);
  });

  test('and tokens are verified with the keys that are known when user is down', async () => {
    await start({ wiring: 'http' });
    const token = await bank.sign();
    await bank.query('{ signedIn }', { token });
    await bank.kill('user');
    expect((await bank.query('{ account(id: "1") { name } }', { token })).data).toEqual({
      account: { name: 'Account 1' },
    });
  });

  test('and a gateway that never learned the keys says so instead of calling the token wrong', async () => {
    await start({ wiring: 'http' });
    await bank.kill('user');
    const answer = await bank.query('{ account(id: "1") { name } }', { token: await bank.sign() });
    expect([answer.status, ...codesOf(answer.errors)]).toEqual([503, 'SUBGRAPH_UNAVAILABLE']);
  });
});

describe('the supergraph file', () => {
  const withNickname = () =>
    composeSmallBank((name, typeDefs) =>
      name === 'user' ? typeDefs.replace('email: String', 'email: String nickname: String') : typeDefs,
    );

  test('is loaded when it changes, and a broken one is not', async () => {
    await start();
    const ask = async () => codesOf((await bank.query('{ me { nickname } }', { token: await bank.sign() })).errors);
    expect(await ask()).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    writeFileSync(bank.supergraphPath, withNickname());
    await until('the new field is served', async () => (await ask()).length === 0);

    writeFileSync(bank.supergraphPath, 'type Query { broken');
    await until('it was looked at', () => bank.logged.some((line) => line.includes('does not load')));
    expect(await ask()).toEqual([]);
    expect((await bank.query('{ signedIn }')).data).toEqual({ signedIn: false });
  });

  test('of a bank with unknown subgraphs is refused at start', async () => {
    await start();
    const { startGateway } = await import('./start-gateway.ts');
    writeFileSync(bank.supergraphPath, composeSmallBank().replaceAll('"risk"', '"casino"'));
    await expect(
      startGateway({
        supergraphPath: bank.supergraphPath,
        transports: bank.transports,
        sessions: { hasEnded: () => false, onEnd: () => () => {}, caughtUp: async () => {}, close: () => {} },
        config: { host: '127.0.0.1', port: 0, production: false, trustedProxies: 0 },
        clock: { now: () => new Date() },
        log: (await import('../platform/log.ts')).createLog('silent'),
      }),
    ).rejects.toThrow(/casino/);
  });
});

describe('the server', () => {
  test('answers what is not HTTP in JSON and stays', async () => {
    await start();
    const { port } = new URL(bank.url);
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('this is no request\r\n\r\n'));
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({
      errors: [{ extensions: { code: 'BAD_REQUEST' } }],
    });
    expect((await bank.query('{ signedIn }')).status).toBe(200);
  });

  test('stays when clients leave in the middle of a body', async () => {
    await start();
    const { port } = new URL(bank.url);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => {
        socket.write(
          'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"que',
        );
        setTimeout(() => socket.destroy(), 50);
      });
      socket.on('close', () => resolve());
    });
    expect((await bank.query('{ signedIn }')).status).toBe(200);
  });

  test('finishes what is under way when it closes', async () => {
    await start({ config: { deadlineMs: 300 } });
    const answer = bank.query('{ account(id: "1") { slow } }');
    await until('it is being answered', () => bank.asked.length > 0);
    await bank.gateway.close();
    expect(codesOf((await answer).errors)).toEqual(['DEADLINE_EXCEEDED']);
    await expect(bank.query('{ signedIn }')).rejects.toThrow();
  });
});
