import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import type { Spread } from './ledger-bank.ts';

/*
 * The yardstick: the least that can be called a double entry. Two rows locked in order, two balances changed with a check, one
 * entry, two postings with the balance after them; no keys, no transfer, no events, no assessment. One call each, prepared,
 * by Postgres' own pgbench, which costs far less processor time than any Node client would.
 */
const SCHEMA = `
  CREATE SCHEMA yardstick;
  SET search_path = yardstick;
  CREATE TABLE account (id int PRIMARY KEY, balance numeric(38, 0) NOT NULL, version bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);
  CREATE TABLE entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());
  CREATE TABLE posting (entry_id bigint NOT NULL, account_id int NOT NULL, amount numeric(38, 0) NOT NULL,
    balance_after numeric(38, 0) NOT NULL, version bigint NOT NULL, PRIMARY KEY (account_id, version));
  CREATE FUNCTION post_one(p_from int, p_to int, p_amount numeric) RETURNS bigint LANGUAGE plpgsql SET search_path = yardstick AS $$
  DECLARE
    entry_id bigint;
  BEGIN
    PERFORM FROM account WHERE id IN (p_from, p_to) ORDER BY id FOR UPDATE;
    UPDATE account SET balance = balance - p_amount, version = version + 1 WHERE id = p_from AND balance >= p_amount;
    IF NOT FOUND THEN
      RETURN NULL;
    END IF;
    UPDATE account SET balance = balance + p_amount, version = version + 1 WHERE id = p_to;
    INSERT INTO entry DEFAULT VALUES RETURNING id INTO entry_id;
    INSERT INTO posting SELECT entry_id, id, CASE id WHEN p_from THEN -p_amount ELSE p_amount END, balance, version
      FROM account WHERE id IN (p_from, p_to);
    RETURN entry_id;
  END $$;`;

const OPENING = '1000000000000000';

/** The yardstick, ready to run. */
export interface Yardstick {
  /** What does it: pgbench, or its stand-in. */
  by: string;
  /** Runs for so long; returns double entries per second. */
  run(spread: Spread, options: { seconds: number; clients: number }): Promise<number>;
  /** Throws unless its books are right. */
  prove(): Promise<void>;
  stop(): Promise<void>;
}

/** Makes the yardstick's tables in the bank's own server, so that both stand on the same disk, settings and processors. */
export async function createYardstick(admin: pg.Pool, adminUrl: string, accounts: number): Promise<Yardstick> {
  await admin.query(SCHEMA);
  await admin.query(`INSERT INTO yardstick.account SELECT n, ${OPENING} FROM generate_series(1, ${accounts}) AS n`);
  const prove = async () => {
    const { rows } = await admin.query<{ right: boolean }>(
      `SELECT (SELECT sum(balance) FROM yardstick.account) = ${OPENING}::numeric * ${accounts}
         AND (SELECT coalesce(sum(amount), 0) FROM yardstick.posting) = 0
         AND (SELECT count(*) FROM yardstick.posting) = 2 * (SELECT count(*) FROM yardstick.entry) AS right`,
    );
    if (!rows[0]!.right) throw new Error('the books of the yardstick are not right');
  };
  const found = spawnSync('pgbench', ['--version'], { encoding: 'utf8' });
  return found.status === 0
    ? { by: found.stdout.trim(), prove, ...withPgbench(adminUrl, accounts) }
    : { by: 'stand-in for pgbench (not installed): pg with a named statement', prove, ...withNode(adminUrl, accounts) };
}

function withPgbench(adminUrl: string, accounts: number): Pick<Yardstick, 'run' | 'stop'> {
  const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-pgbench-'));
  const script = (spread: Spread) => path.join(folder, `${spread}.sql`);
  writeFileSync(
    script('spread'),
    `\\set f random(1, ${accounts})\n\\set t 1 + (:f - 1 + random(1, ${accounts - 1})) % ${accounts}\nSELECT yardstick.post_one(:f, :t, 100)\n`,
  );
  writeFileSync(script('hot'), `\\set f random(2, ${accounts})\nSELECT yardstick.post_one(:f, 1, 100)\n`);
  const url = new URL(adminUrl);
  return {
    async run(spread, { seconds, clients }) {
      const options = [
        '-n',
        '-M',
        'prepared',
        '-c',
        String(clients),
        '-j',
        '2',
        '-T',
        String(seconds),
        '-f',
        script(spread),
      ];
      const server = ['-h', url.hostname, '-p', url.port, '-U', url.username, url.pathname.slice(1)];
      const output = await outputOf('pgbench', [...options, ...server], decodeURIComponent(url.password));
      const rate = /^tps = ([\d.]+)/m.exec(output)?.[1];
      if (!rate) throw new Error(`pgbench said: ${output}`);
      return Number(rate);
    },
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function outputOf(program: string, options: string[], password: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, options, { env: { PATH: process.env.PATH, PGPASSWORD: password } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${program}: ${output}`))));
  });
}

function withNode(adminUrl: string, accounts: number): Pick<Yardstick, 'run' | 'stop'> {
  const pool = new pg.Pool({ connectionString: adminUrl, max: 64 });
  const any = (from: number) => from + Math.floor(Math.random() * (accounts - from + 1));
  return {
    async run(spread, { seconds, clients }) {
      const startedAt = performance.now();
      let posted = 0;
      await Promise.all(
        Array.from({ length: clients }, async () => {
          while (performance.now() - startedAt < seconds * 1_000) {
            const to = spread === 'hot' ? 1 : any(1);
            const from = any(2);
            if (from === to) continue;
            await pool.query({ name: 'post-one', text: 'SELECT yardstick.post_one($1, $2, 100)', values: [from, to] });
            posted++;
          }
        }),
      );
      return posted / ((performance.now() - startedAt) / 1_000);
    },
    stop: () => pool.end(),
  };
}
