import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, defaultSimulatorUrl, PROVIDER_IDS, readConfig } from './config.ts';

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

  test('makes up keys for simulated providers only', () => {
    const { providers, bankrailIban } = readConfig({});
    expect(providers.stripe.secretKey).toMatch(/^sk_test_/);
    for (const name of PROVIDER_IDS) {
      expect(providers[name]).toEqual({ secretKey: expect.any(String), webhookSecret: expect.any(String), url: null });
    }
    expect(bankrailIban).toMatch(/^DE/);
    const none = { secretKey: null, webhookSecret: null, url: null };
    expect(readConfig({ PROVIDERS: 'live' })).toMatchObject({
      providers: { stripe: none, paystack: none, flutterwave: none, bankrail: none },
      bankrailIban: null,
    });
    const live = { PROVIDERS: 'live', STRIPE_SECRET_KEY: 'rk_live_1', STRIPE_WEBHOOK_SECRET: 'whsec_12345678' };
    expect(readConfig(live).providers.stripe).toEqual({
      secretKey: 'rk_live_1',
      webhookSecret: 'whsec_12345678',
      url: null,
    });
    const shared = { STRIPE_URL: 'http://127.0.0.1:4100', STRIPE_SECRET_KEY: 'sk_test_1' };
    expect(readConfig(shared).providers.stripe).toMatchObject({
      secretKey: 'sk_test_1',
      url: 'http://127.0.0.1:4100',
    });
  });

  test('takes a bank that files are sent to by its address and our account there', () => {
    const bank = {
      PROVIDERS: 'live',
      BANKRAIL_SECRET_KEY: 'a-key-of-ours',
      BANKRAIL_URL: 'https://files.bank.example/drop',
      BANKRAIL_IBAN: 'DE89370400440532013000',
    };
    expect(readConfig(bank)).toMatchObject({
      providers: { bankrail: { secretKey: 'a-key-of-ours', url: 'https://files.bank.example/drop' } },
      bankrailIban: 'DE89370400440532013000',
    });
    expect(faultOf({ ...bank, BANKRAIL_URL: '' })).toContain('BANKRAIL_SECRET_KEY: needs BANKRAIL_URL');
    expect(faultOf({ ...bank, BANKRAIL_IBAN: '' })).toContain('BANKRAIL_SECRET_KEY: needs BANKRAIL_URL');
    expect(faultOf({ ...bank, BANKRAIL_URL: 'http://files.bank.example' })).toContain('BANKRAIL_URL: must be https');
  });

  test('takes exchange rates from a server or from a file, and from those that come with the bank where neither is named', () => {
    expect(readConfig({}).rates).toEqual({ url: null, file: null });
    const address = 'https://latest.currency-api.pages.dev/v1';
    expect(readConfig({ RATES_URL: address }).rates).toEqual({ url: address, file: null });
    expect(readConfig({ RATES_FILE: 'ecb.csv' }).rates).toEqual({ url: null, file: path.resolve('ecb.csv') });
    expect(faultOf({ RATES_URL: address, RATES_FILE: 'ecb.csv' })).toContain('RATES_FILE: is given beside RATES_URL');
    expect(faultOf({ RATES_URL: 'ftp://rates.example' })).toContain('RATES_URL');
  });

  test('has each simulator where the others look for it', () => {
    expect(PROVIDER_IDS.map(defaultSimulatorUrl)).toEqual([
      'http://127.0.0.1:4100',
      'http://127.0.0.1:4101',
      'http://127.0.0.1:4102',
      'http://127.0.0.1:4103',
    ]);
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
    ['a live key of Paystack', { PAYSTACK_SECRET_KEY: 'sk_live_hunter2' }, 'PAYSTACK_SECRET_KEY'],
    ['a live key of Flutterwave', { FLUTTERWAVE_SECRET_KEY: 'FLWSECK-hunter2-X' }, 'FLUTTERWAVE_SECRET_KEY'],
    ['a key with a blank', { PROVIDERS: 'live', PAYSTACK_SECRET_KEY: 'sk_live_hunter2 x' }, 'PAYSTACK_SECRET_KEY'],
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
