import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { defaultSubgraphPort, readConfig } from '../platform/config.ts';
import { SUBGRAPH_NAMES } from '../platform/subgraph.ts';

/*
 * What can be said of Dockerfile and docker-compose.yml without a Docker engine: they name files, scripts, variables and
 * each other as they are. Building and running the images is not covered.
 */
interface Service {
  image: string;
  command?: string[];
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  ports?: string[];
  healthcheck?: { test: string[] };
}

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const { services } = compose;
const parts = Object.entries(services).filter(([, { image }]) => image === 'dwaybank');
const dockerfile = readFileSync('Dockerfile', 'utf8');
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

/** The source of a built file. */
function sourceOf(built: string): string {
  return built.replace(/^dist\//, '').replace(/\.js$/, '.ts');
}

/** What compose makes of `${NAME}` and `${NAME:?why}` where they are given, and of `${NAME:-otherwise}` where not. */
function environmentOf({ environment = {} }: Service): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      String(value)
        .replace(/\$\{\w+:-([^}]*)\}/g, '$1')
        .replace(/\$\{\w+[^}]*\}/g, 'x'.repeat(32)),
    ]),
  );
}

describe('docker-compose.yml', () => {
  test('runs Postgres, Redis, the preparation, the gateway and each subgraph', () => {
    expect(Object.keys(services).sort()).toEqual(['postgres', 'redis', 'prepare', 'gateway', ...SUBGRAPH_NAMES].sort());
    expect(parts).toHaveLength(SUBGRAPH_NAMES.length + 2);
  });

  test('runs programs that exist', () => {
    for (const [, { command }] of parts) {
      const [node, ...rest] = command!;
      const [program, ...given] = rest.filter((word) => !word.startsWith('--'));
      expect(node).toBe('node');
      expect(program).toMatch(/^dist\/.*\.js$/);
      expect(existsSync(sourceOf(program!))).toBe(true);
      for (const name of given) expect(SUBGRAPH_NAMES).toContain(name);
    }
    for (const name of SUBGRAPH_NAMES) {
      expect(services[name]!.command!.slice(-2)).toEqual(['dist/subgraphs/main.js', name]);
    }
  });

  test('gives each part an environment that it accepts, and variables that mean something', () => {
    const config = readFileSync('platform/config.ts', 'utf8');
    for (const [name, service] of parts) {
      const environment = environmentOf(service);
      for (const variable of Object.keys(environment)) expect(config).toContain(`  ${variable}: `);
      const { databaseUrl, redisUrl, secret, simulated } = readConfig({ ...environment, NODE_ENV: 'production' });
      expect([name, databaseUrl !== null, redisUrl !== null, secret !== null, simulated]).toEqual([
        name,
        true,
        true,
        true,
        false,
      ]);
    }
  });

  test('has each subgraph listen where the others look for it', () => {
    const { subgraphUrls } = readConfig(environmentOf(services['gateway']!));
    for (const name of SUBGRAPH_NAMES) {
      expect(subgraphUrls[name]).toBe(`http://${name}:${defaultSubgraphPort(name)}`);
    }
  });

  test('gives the administrator’s password to the preparation alone', () => {
    const holders = parts.filter(([, { environment }]) => environment!['DATABASE_URL']!.includes('POSTGRES_PASSWORD'));
    expect(holders.map(([name]) => name)).toEqual(['prepare']);
  });

  test('gives Stripe’s key to those who link and charge cards alone, and runs without one', () => {
    const holders = parts.filter(([, { environment }]) => environment!['STRIPE_SECRET_KEY'] !== undefined);
    expect(holders.map(([name]) => name)).toEqual(['wallet', 'transfer']);
    for (const [, service] of holders) expect(readConfig(environmentOf(service)).providers.stripe.secretKey).toBeNull();
  });

  test('lets only the gateway be reached from outside', () => {
    const open = Object.entries(services).filter(([, { ports }]) => ports !== undefined);
    expect(open.map(([name]) => name)).toEqual(['gateway']);
  });

  test('starts things after what they need, and waits only for what tells that it is healthy', () => {
    for (const { depends_on: needs = {} } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(needs)) {
        expect(services).toHaveProperty([name]);
        if (condition === 'service_healthy') expect(services[name]!.healthcheck).toBeDefined();
      }
    }
    for (const name of SUBGRAPH_NAMES) {
      expect(services[name]!.depends_on!['prepare']!.condition).toBe('service_completed_successfully');
    }
  });
});

describe('the Dockerfile', () => {
  test('copies what exists and runs scripts that exist', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, files]) => files!.split(' '));
    expect(copied).toContain('package-lock.json');
    for (const file of copied) expect(existsSync(file)).toBe(true);
    const ran = [...dockerfile.matchAll(/npm run (\S+)/g)].map(([, name]) => name!);
    expect(ran).toEqual(['generate', 'build']);
    for (const name of ran) expect(scripts).toHaveProperty([name]);
  });

  test('runs a program that is built, and not as root', () => {
    const [, command] = /^CMD (\[.*\])$/m.exec(dockerfile)!;
    const program = (JSON.parse(command!) as string[]).at(-1)!;
    expect(existsSync(sourceOf(program))).toBe(true);
    expect(dockerfile.indexOf('USER node')).toBeGreaterThan(dockerfile.lastIndexOf('FROM'));
  });

  test('is built of files that .dockerignore lets in', () => {
    const ignored = readFileSync('.dockerignore', 'utf8').split('\n').filter(Boolean);
    expect(ignored).toEqual(expect.arrayContaining(['.git', '.dwaybank', '.env', 'node_modules', 'dist']));
  });
});

test('every npm script runs files that exist', () => {
  for (const [name, script] of Object.entries(scripts)) {
    for (const [file] of script.matchAll(/\b[\w/.-]+\.(?:ts|js|json)\b/g)) {
      expect([name, file, existsSync(file)]).toEqual([name, file, true]);
    }
  }
});
