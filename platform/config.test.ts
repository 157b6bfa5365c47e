import { describe, expect, test } from '@jest/globals';
import { ConfigError, readConfig } from './config.ts';

const secret = 'x'.repeat(32);

function faultOf(environment: NodeJS.ProcessEnv): string {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

describe('the configuration', () => {
  test('needs nothing in embedded mode', () => {
    expect(readConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 4000,
      databaseUrl: null,
      redisUrl: null,
      simulated: true,
    });
  });

  test('has no default for the secret outside embedded mode', () => {
    expect(faultOf({ DATABASE_URL: 'postgres://u:p@h/d' })).toContain('DWAYBANK_SECRET');
    expect(readConfig({ DATABASE_URL: 'postgres://u:p@h/d', DWAYBANK_SECRET: secret })).toMatchObject({
      simulated: false,
    });
  });

  test('reports every fault at once and no value', () => {
    const fault = faultOf({ DATABASE_URL: 'mysql://u:hunter2@h/d', PORT: '99999', DWAYBANK_SECRET: 'short-one' });
    expect(fault).toMatch(/PORT/);
    expect(fault).toMatch(/DATABASE_URL/);
    expect(fault).toMatch(/DWAYBANK_SECRET/);
    expect(fault).not.toMatch(/hunter2|short-one/);
  });

  test.each([
    ['nothing', {}, true],
    ['a test key', { STRIPE_SECRET_KEY: 'sk_test_1' }, true],
    ['a database', { DATABASE_URL: 'postgres://u:p@h/d', DWAYBANK_SECRET: secret }, false],
    ['production', { NODE_ENV: 'production' }, false],
    ['PROVIDERS=live', { PROVIDERS: 'live' }, false],
    [
      'a database and PROVIDERS=simulated',
      { DATABASE_URL: 'postgres://u:p@h/d', DWAYBANK_SECRET: secret, PROVIDERS: 'simulated' },
      true,
    ],
  ])('with %s given: are providers simulated?', (_what, environment, simulated) => {
    expect(readConfig(environment).simulated).toBe(simulated);
  });

  test('makes up a key for simulated providers only', () => {
    expect(readConfig({}).stripeSecretKey).toMatch(/^sk_test_/);
    expect(readConfig({ PROVIDERS: 'live' })).toMatchObject({ stripeSecretKey: null, stripeUrl: null });
    const live = { PROVIDERS: 'live', STRIPE_SECRET_KEY: 'rk_live_1' };
    expect(readConfig(live)).toMatchObject({ stripeSecretKey: 'rk_live_1', stripeUrl: null });
    const shared = { STRIPE_URL: 'http://127.0.0.1:4100', STRIPE_SECRET_KEY: 'sk_test_1' };
    expect(readConfig(shared)).toMatchObject({
      stripeSecretKey: 'sk_test_1',
      stripeUrl: 'http://127.0.0.1:4100',
    });
  });

  test.each([
    ['a live key beside simulated providers', { STRIPE_SECRET_KEY: 'sk_live_hunter2' }, 'STRIPE_SECRET_KEY'],
    ['a restricted live key', { PROVIDERS: 'simulated', STRIPE_SECRET_KEY: 'rk_live_hunter2' }, 'STRIPE_SECRET_KEY'],
    ['a key that is none', { PROVIDERS: 'live', STRIPE_SECRET_KEY: 'pk_live_hunter2' }, 'STRIPE_SECRET_KEY'],
    ['a key with a line end', { PROVIDERS: 'live', STRIPE_SECRET_KEY: 'sk_live_hunter2\nX: y' }, 'STRIPE_SECRET_KEY'],
    [
      'a simulator’s place for a live key',
      { PROVIDERS: 'live', STRIPE_SECRET_KEY: 'sk_live_hunter2', STRIPE_URL: 'http://127.0.0.1:4100' },
      'STRIPE_URL',
    ],
    ['a place that is none', { STRIPE_URL: 'localhost:4100' }, 'STRIPE_URL'],
  ])('refuses %s, and does not repeat the key', (_what, environment, variable) => {
    const fault = faultOf(environment);
    expect(fault).toContain(`${variable}: `);
    expect(fault).not.toContain('hunter2');
  });

  test('refuses demo logins in production', () => {
    expect(faultOf({ NODE_ENV: 'production', PROVIDERS: 'simulated' })).toContain('PROVIDERS');
    expect(readConfig({ NODE_ENV: 'production' }).simulated).toBe(false);
  });
});
