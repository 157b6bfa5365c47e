import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type pg from 'pg';
import { bankFolder } from '../bank/bank-folder.ts';
import { removeEmbeddedPostgres, startEmbeddedPostgres } from '../bank/embedded-postgres.ts';
import { createDatabase, prepareDatabase } from '../bank/prepare-database.ts';
import { systemAccount } from '../ledger/accounts.ts';
import type { Leg, LineType } from '../ledger/entry.ts';
import { postEntries } from '../ledger/post.ts';
import { createPool } from '../platform/db.ts';
import { newId, type AccountId, type EntryId, type TransferId, type UserId } from '../platform/ids.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import type { PlannedEnd, PlannedTransfer } from '../subgraphs/transfer/poster.ts';

/** Where the money goes: between any two accounts, or from any account to one that all share. */
export type Spread = 'spread' | 'hot';

/** A bank of its own for a measurement: its database in a temporary folder, with the settings every embedded bank has. */
export interface BenchBank {
  adminUrl: string;
  /** A pool as production code gets it. */
  pool(role: string, schema: string, max: number): pg.Pool;
  admin: pg.Pool;
  accounts: readonly PlannedEnd[];
  stop(): Promise<void>;
}

const DATABASE = 'bench';
const CURRENCY = 'USD';
const OPENING_MINOR = 10n ** 15n;
const HELD_MINOR = 5_000n;
const LIMIT = OPENING_MINOR.toString();
const OPENED_AT_ONCE = 200;

/** Starts a bank with funded accounts in one currency; each has an open hold, as customers have whose payouts are under way. */
export async function startBenchBank(accountCount: number): Promise<BenchBank> {
  const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-bench-'));
  const folder = bankFolder(directory);
  const secrets = deriveSecrets(randomBytes(32).toString('hex'));
  const pools: pg.Pool[] = [];
  const stop = async () => {
    await Promise.all(pools.map((pool) => pool.end()));
    await removeEmbeddedPostgres(folder);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const postgres = await startEmbeddedPostgres({ folder, secrets });
    await createDatabase(postgres.adminUrl('postgres'), DATABASE);
    const adminUrl = postgres.adminUrl(DATABASE);
    await prepareDatabase({ adminUrl, secrets });
    const pool = (role: string, schema: string, max: number) => {
      const created = createPool({
        url: adminUrl,
        role,
        password: secrets.rolePassword(role),
        schema,
        max,
        onError: () => {},
      });
      pools.push(created);
      return created;
    };
    const accounts = await openFundedAccounts(
      pool('dwaybank_wallet', 'wallet', 1),
      pool('dwaybank_ledger', 'ledger', 1),
      accountCount,
    );
    return { adminUrl, pool, admin: pool('postgres', 'public', 1), accounts, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openFundedAccounts(wallet: pg.Pool, ledger: pg.Pool, count: number): Promise<PlannedEnd[]> {
  const settlement = await systemAccount(ledger, 'SETTLEMENT', CURRENCY);
  const accounts: PlannedEnd[] = [];
  for (let opened = 0; opened < count; opened += OPENED_AT_ONCE) {
    const some = Array.from({ length: Math.min(OPENED_AT_ONCE, count - opened) }, (_, index) => ({
      accountId: newId<AccountId>(),
      ownerId: newId<UserId>(),
      label: `Customer ${opened + index}`,
    }));
    await wallet.query({
      text: `SELECT ledger.open_account(id, owner_id, $3, 'PERSONAL') FROM unnest($1::uuid[], $2::uuid[]) AS a (id, owner_id)`,
      values: [some.map(({ accountId }) => accountId), some.map(({ ownerId }) => ownerId), CURRENCY],
    });
    const entries = some.map(({ accountId }) => ({
      id: newId<EntryId>(),
      kind: 'FUNDING' as const,
      transferId: null,
      description: null,
      legs: [leg(settlement, -OPENING_MINOR, 'DEPOSIT', null), leg(accountId, OPENING_MINOR, 'DEPOSIT', null)],
    }));
    const verdicts = await postEntries(ledger, entries);
    if (verdicts.some(({ posted }) => !posted)) throw new Error('an account could not be funded');
    await ledger.query({
      text: `SELECT ledger.place_hold(gen_random_uuid(), id, $2, $3, NULL, NULL, NULL, NULL, NULL, NULL, NULL) FROM unnest($1::uuid[]) AS id`,
      values: [some.map(({ accountId }) => accountId), HELD_MINOR.toString(), CURRENCY],
    });
    accounts.push(...some);
  }
  return accounts;
}

function leg(accountId: AccountId, amountMinor: bigint, lineType: LineType, counterparty: string | null): Leg {
  return { accountId, currency: CURRENCY, amountMinor, lineType, counterparty };
}

/** A transfer as create-transfer plans it, all of it real but the risk assessment, which nobody was asked for. */
export function planTransfer(source: PlannedEnd, destination: PlannedEnd): PlannedTransfer {
  const amountMinor = 100n;
  const initiatedAt = new Date();
  return {
    transferId: newId<TransferId>(),
    userId: source.ownerId,
    idempotencyKey: randomUUID(),
    bodyHash: createHash('sha256').update(source.accountId).update(destination.accountId).digest(),
    type: 'INTERNAL',
    amount: { amountMinor, currency: CURRENCY },
    destinationAmount: { amountMinor, currency: CURRENCY },
    exchange: null,
    source,
    destination,
    description: 'For the coffee',
    initiatedAt,
    assessment: {
      score: 12,
      level: 'LOW',
      decision: 'ALLOW',
      factors: [
        { name: 'amount', score: 10, weight: '0.5', reason: 'The amount is usual.' },
        { name: 'velocity', score: 14, weight: '0.5', reason: 'Few transfers today.' },
      ],
      assessedAt: initiatedAt.toISOString(),
      // What every transfer to somebody else counts against its customer's limits, far below them.
      spending: { usdMinor: '100', bankDailyUsdMinor: LIMIT, bankMonthlyUsdMinor: LIMIT },
      evidence: {},
    },
    legs: [
      leg(source.accountId, -amountMinor, 'TRANSFER_OUT', destination.label),
      leg(destination.accountId, amountMinor, 'TRANSFER_IN', source.label),
    ],
  };
}
