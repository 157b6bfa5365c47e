import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type TransferId, type UserId } from '../platform/ids.ts';
import { recordDeadLetter } from '../subgraphs/transfer/operations/dead-letter-store.ts';
import { chainEntries } from '../tests/chain-entries.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { postEntry } from '../ledger/post.ts';

/* The commands as a person on call runs them. */

let world: LedgerWorld;
let ada: TestAccount;
const transferId = newId<TransferId>();
const email = { kofi: 'kofi@example.com', ada: 'ada@example.com' };

beforeAll(async () => {
  world = await createLedgerWorld();
  ada = await world.funded(5_000n);
  const entry = { ...movement(ada, await world.open(), 100n), kind: 'TRANSFER' as const, transferId };
  await postEntry(world.ledger, entry);
  const admin = world.database.pool('postgres', { max: 1 });
  const at = '2026-11-21T10:00:00.000Z';
  await admin.query(
    `INSERT INTO transfer.transfer (id, user_id, type, status, amount, currency, destination_amount, destination_currency, source_label,
       destination_label, timeline, created_at, updated_at)
     VALUES ($1, $2, 'INTERNAL', 'INITIATED', 100, 'USD', 100, 'USD', 'Ada', 'Ben', $3, $4, $4)`,
    [transferId, newId<UserId>(), JSON.stringify([{ status: 'INITIATED', at }]), at],
  );
  for (const address of Object.values(email)) {
    await admin.query(
      `INSERT INTO "user".person (id, email, display_name, password_hash, roles, created_at) VALUES ($1, $2, 'P', '$argon2id$x', '{CUSTOMER}', now())`,
      [newId<UserId>(), address],
    );
  }
  await recordDeadLetter(world.database.pool('dwaybank_transfer', { max: 1 }), {
    transferId,
    kind: 'payout',
    class: 'RECOVERABLE',
    severity: 'HIGH',
    reason: 'The provider has closed the account.',
    details: {},
  });
});
afterAll(() => world.drop());

interface Outcome {
  code: number;
  out: string;
  error: string;
}

async function run(script: string, ...words: string[]): Promise<Outcome> {
  const { adminUrl, secret } = world.database;
  const environment = { ...process.env, DATABASE_URL: adminUrl, DWAYBANK_SECRET: secret, NODE_OPTIONS: '' };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, ...words], {
      env: environment,
    });
    return { code: 0, out: stdout, error: stderr };
  } catch (failed) {
    // execFile rejects with the process's own outcome.
    const { code, stdout, stderr } = failed as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, error: stderr };
  }
}

const bank = (...words: string[]) => run('scripts/bank.ts', ...words);

describe('npm run bank', () => {
  test('has help, and shows it for a wrong call', async () => {
    expect(await bank('--help')).toMatchObject({ code: 0, out: expect.stringContaining('release-hold HOLD') });
    expect(await bank('frobnicate')).toMatchObject({ code: 2, error: expect.stringContaining('there is no command') });
    expect(await bank('stuck', '--older-than', 'soon')).toMatchObject({ code: 2 });
  });

  test('explains a transfer and lists what is stuck', async () => {
    const { code, out, error } = await bank('explain', transferId);
    expect({ code, error }).toEqual({ code: 0, error: '' });
    for (const part of [
      'INTERNAL of 1.00 USD',
      'INITIATED',
      'TRANSFER_OUT',
      'The provider has closed the account.',
      'DeadLetterRecorded',
      'DEAD_LETTER_RECORDED',
    ]) {
      expect(out).toContain(part);
    }
    expect(JSON.parse((await bank('explain', transferId, '--json')).out)).toMatchObject({
      transfer: { id: transferId },
      entries: [{ postings: [{ amount: expect.any(String) }, {}] }],
    });
    expect((await bank('stuck', '--older-than', '1m')).out).toContain(transferId);
    expect(await bank('explain', newId())).toMatchObject({
      code: 1,
      error: expect.stringContaining('no such transfer'),
    });
  });

  test('makes staff, and only staff counts as --by', async () => {
    expect(await bank('pause', 'Now.', '--all', '--by', email.kofi)).toMatchObject({
      code: 1,
      error: expect.stringContaining('ADMIN'),
    });
    expect(await bank('grant', email.kofi, 'CUSTOMER')).toMatchObject({ code: 2 });
    expect(await bank('grant', email.kofi, 'ADMIN')).toMatchObject({
      code: 0,
      out: expect.stringContaining('CUSTOMER, ADMIN'),
    });
    expect(await bank('pause', 'They lose payments.', '--provider', 'stripe', '--by', email.kofi)).toMatchObject({
      code: 0,
    });
    expect((await bank('pauses')).out).toMatch(/stripe .*They lose payments\./);
    expect(await bank('resume', '--provider', 'stripe')).toMatchObject({ code: 0, out: 'Nothing is paused.\n' });
    expect(await bank('pause', 'Now.', '--provider', 'stirpe')).toMatchObject({
      code: 1,
      error: expect.stringContaining('UNKNOWN_PROVIDER'),
    });
    expect(await bank('revoke', email.kofi, 'ADMIN')).toMatchObject({ code: 0 });
  });

  test('frees a hold by the word of two different people with the role ADMIN, and of nobody else', async () => {
    const hold = await world.hold(ada, 100n);
    const release = (...words: string[]) => bank('release-hold', hold, ...words);
    expect(await release()).toMatchObject({ code: 2, error: expect.stringContaining('--by EMAIL') });
    for (const by of [email.ada, 'cli:root']) {
      expect(await release('--by', by)).toMatchObject({ code: 1, error: expect.stringContaining('ADMIN') });
    }
    await bank('grant', email.kofi, 'ADMIN');
    expect(await release('--by', email.kofi)).toMatchObject({
      code: 0,
      out: expect.stringContaining('Another person'),
    });
    expect(await release('--by', email.kofi.toUpperCase())).toMatchObject({
      code: 1,
      error: expect.stringContaining('SECOND_PERSON_REQUIRED'),
    });
    await bank('grant', email.ada, 'ADMIN');
    expect(await release('--by', email.ada)).toMatchObject({ code: 0, out: 'The hold is released.\n' });
    for (const each of Object.values(email)) await bank('revoke', each, 'ADMIN');
  });

  test('alarms end with 1 while there is one, and read-only is one', async () => {
    expect(await bank('alarms')).toEqual({ code: 0, out: 'No alarms.\n', error: '' });
    expect(await bank('read-only', 'on', 'We look at the books.')).toMatchObject({ code: 0 });
    expect(await bank('alarms', '--json')).toMatchObject({ code: 1, out: expect.stringContaining('POSTING_STOPPED') });
    expect(await bank('read-only', 'off')).toMatchObject({ code: 0 });
  });
});

describe('npm run ledger:verify', () => {
  const verify = (...words: string[]) => run('scripts/ledger-verify.ts', ...words);

  test('says that the chain is right, and at which position it is not', async () => {
    const pool = world.database.pool('dwaybank_transfer', { max: 1 });
    await chainEntries(pool);
    const good = await verify();
    expect(good).toMatchObject({
      code: 0,
      out: expect.stringMatching(/positions {2}2 verified[^]*unchained {2}0\nchain ok/),
    });
    const anchor = /end +(\d+:[0-9a-f]{64})/.exec(good.out)![1]!;
    expect(await verify('--anchor', anchor, '--from', '2')).toMatchObject({ code: 0 });

    const admin = world.database.pool('postgres', { max: 1 });
    await admin.query(
      `SET session_replication_role = 'replica'; UPDATE ledger.entry SET description = 'Other' WHERE transfer_id IS NOT NULL; RESET session_replication_role`,
    );
    const bad = await verify('--json');
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.out)).toMatchObject({
      ok: false,
      findings: [{ problem: 'an entry is not as it was chained', subject: 'position 2' }],
    });
    expect(await verify('--from', 'x')).toMatchObject({
      code: 1,
      error: expect.stringContaining('--from takes a position'),
    });
  });
});
