import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { GATEWAY_ROLE, LOGIN_ROLES } from '../bank/owners.ts';
import { createPool } from '../platform/db.ts';
import { deriveSecrets, type Secrets } from '../platform/secrets.ts';
import { CLUSTER_VARIABLE, TEMPLATE, TEST_SECRET } from './cluster.ts';

/** A database of one's own for a test file: a copy of the prepared template. */
export interface TestDatabase {
  name: string;
  /** The administrator's URL: for looking at everything and for what production code never may. */
  adminUrl: string;
  /** What all roles' passwords follow from. */
  secret: string;
  secrets: Secrets;
  /** The URL of one role, for example "dwaybank_wallet". */
  urlFor(role: string): string;
  /**
   * A pool as production code gets it. The schema is the one the role is named after unless another is given; "postgres" is
   * the administrator. Ended by `drop`.
   */
  pool(role: string, options?: { schema?: string; max?: number }): pg.Pool;
  /** Ends all pools and removes the database. */
  drop(): Promise<void>;
}

/** Copies the template. Takes about 50 ms; call it in `beforeAll` and `drop` it in `afterAll`. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const serverUrl = process.env[CLUSTER_VARIABLE];
  if (!serverUrl) throw new Error('there is no test cluster: run tests with `npm test`');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asAdmin(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
  const adminUrl = withDatabase(serverUrl, name);
  const secrets = deriveSecrets(TEST_SECRET);
  const pools: pg.Pool[] = [];
  const passwordOf = (role: string) =>
    role === 'postgres' ? decodeURIComponent(new URL(serverUrl).password) : secrets.rolePassword(role);

  return {
    name,
    adminUrl,
    secret: TEST_SECRET,
    secrets,
    urlFor: (role) => {
      const url = new URL(adminUrl);
      url.username = role;
      url.password = passwordOf(role);
      return url.href;
    },
    pool: (role, { schema, max = 10 } = {}) => {
      const pool = createPool({
        url: adminUrl,
        role,
        password: passwordOf(role),
        schema: schema ?? schemaOf(role),
        max,
        // A test that ends its server's connections on purpose sees that in its queries.
        onError: () => {},
      });
      pools.push(pool);
      return pool;
    },
    async drop() {
      await Promise.all(pools.filter((pool) => !pool.ended).map((pool) => pool.end()));
      await asAdmin(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

function schemaOf(role: string): string {
  if (role === GATEWAY_ROLE) return 'platform';
  return LOGIN_ROLES.includes(role) ? role.replace('dwaybank_', '') : 'public';
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function asAdmin(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
