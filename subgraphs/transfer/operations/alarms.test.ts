import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { systemAccount } from '../../../ledger/accounts.ts';
import { extendChain } from '../../../ledger/chain.ts';
import { placeHold } from '../../../tests/holds.ts';
import { postEntry } from '../../../ledger/post.ts';
import { newId, type HoldId } from '../../../platform/ids.ts';
import { createLog } from '../../../platform/log.ts';
import { createLedgerWorld, entryOf, leg, type LedgerWorld } from '../../../tests/ledger-world.ts';
import { proveLedger } from '../audit/prove-ledger.ts';
import { readAlarms } from './alarms.ts';

/* What somebody on call is called for, and that it is over when its cause is. */

let world: LedgerWorld;
let pool: pg.Pool;
let superuser: pg.Pool;

beforeAll(async () => {
  world = await createLedgerWorld();
  pool = world.database.pool('dwaybank_transfer', { max: 2 });
  superuser = world.database.pool('postgres', { max: 1 });
});
afterAll(() => world.drop());

const codes = async () => (await readAlarms(pool)).map(({ code, subject }) => `${code} ${subject}`.trim());

/** As if so many minutes had passed: times are the database's. */
async function later(sql: string): Promise<void> {
  await superuser.query(`SET session_replication_role = 'replica'; ${sql}; RESET session_replication_role`);
}

test('money on suspense alarms until it has gone where it belongs, whatever was proved between', async () => {
  const [settlement, suspense] = [
    await systemAccount(world.ledger, 'SETTLEMENT', 'USD'),
    await systemAccount(world.ledger, 'SUSPENSE', 'USD'),
  ];
  const move = (amount: bigint) => postEntry(world.ledger, entryOf([leg(settlement, -amount), leg(suspense, amount)]));
  expect(await codes()).toEqual([]);
  await move(150n);
  expect(await readAlarms(pool)).toMatchObject([
    { code: 'SUSPENSE_NOT_ZERO', subject: 'USD', message: '1.50 USD lie on suspense' },
  ]);
  await proveLedger({ pool, log: createLog('silent') });
  expect(await codes()).toEqual(['SUSPENSE_NOT_ZERO USD']);
  await move(-150n);
  expect(await codes()).toEqual([]);
});

test('a hold that is open five minutes past its expiry alarms', async () => {
  const { accountId } = await world.funded(1_000n);
  const id = newId<HoldId>();
  await placeHold(pool, { id, accountId, amount: { amountMinor: 10n, currency: 'USD' }, transferId: null });
  await later(`UPDATE ledger.hold SET expires_at = now() - interval '4 minutes'`);
  expect(await codes()).toEqual([]);
  await later(`UPDATE ledger.hold SET expires_at = now() - interval '6 minutes'`);
  expect(await codes()).toEqual([`HOLD_PAST_EXPIRY ${id}`]);
  await pool.query('SELECT ledger.release_hold($1)', [id]);
  expect(await codes()).toEqual([]);
});

test('entries that nobody chains alarm after a while', async () => {
  await later(
    `UPDATE ledger.entry SET at = now() - interval '6 minutes'; UPDATE ledger.posting SET at = now() - interval '6 minutes'`,
  );
  expect(await codes()).toEqual(['CHAIN_LATE']);
  while ((await extendChain(pool, 100)) > 0);
  expect(await codes()).toEqual([]);
});
