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

  test('refuses demo logins in production', () => {
    expect(faultOf({ NODE_ENV: 'production', PROVIDERS: 'simulated' })).toContain('PROVIDERS');
    expect(readConfig({ NODE_ENV: 'production' }).simulated).toBe(false);
  });
});
