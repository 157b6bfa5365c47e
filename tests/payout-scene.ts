import type { AccountId, PaymentMethodId, TransferId } from '../platform/ids.ts';
import type { Assessment } from '../platform/questions/assess-transfer.ts';
import type { UserError } from '../platform/refusal.ts';
import type { PayOutDeps } from '../subgraphs/transfer/payouts/pay-out.ts';
import { ageAttempts, hurryJob } from './payout-jobs.ts';
import { createScriptedRegistry, type ScriptedRegistry } from './scripted-registry.ts';
import { ALLOW, openTransferWorld, type Customer, type TransferWorld } from './transfer-world.ts';
import { until } from './until.ts';

const SHOWN = `id type status failureCode createdAt updatedAt timeline { status step note at }
  amount { amount currency } fees { amount currency } source { label account { id } }
  destination { label account { id } paymentMethod { id } }`;
const CREATE = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { replayed transfer { ${SHOWN} } userErrors { code field retryable } } }`;
const READ = `query ($id: ID!) { transfer(id: $id) { ${SHOWN} } }`;
const CANCEL = `mutation ($id: ID!) { cancelTransfer(id: $id) { transfer { id status } userErrors { code } } }`;

/** An IBAN whose check digits are right. */
export const IBAN = 'DE89370400440532013000';

/** What spends against limits; REVIEW wants a person to look first. */
export const SPENDING = { usdMinor: '10000', bankDailyUsdMinor: '1000000', bankMonthlyUsdMinor: '5000000' };
export const REVIEW: Assessment = { ...ALLOW, score: 70, level: 'HIGH', decision: 'REVIEW' };

/** A payout as its customer reads it. */
export interface ShownPayout {
  id: TransferId;
  type: string;
  status: string;
  failureCode: string | null;
  fees: { amount: string; currency: string };
  timeline: { status: string; step: string | null; note: string | null; at: string }[];
}

export interface CreatedPayout {
  replayed: boolean;
  transfer: ShownPayout | null;
  userErrors: Pick<UserError, 'code' | 'field' | 'retryable'>[];
}

/** The transfer subgraph with providers that do what tests say, a customer with money and a bank account elsewhere, and another. */
export interface PayoutScene {
  world: TransferWorld;
  payouts: ScriptedRegistry;
  ada: Customer;
  bob: Customer;
  /** Ada's, at another bank. */
  method: PaymentMethodId;
  /** Ada's, in EUR, with 1,000.00; a new one for each test, by `begin`. */
  account: AccountId;
  /** What tests hand to payOut and the like. */
  deps: PayOutDeps;
  begin(): Promise<void>;
  /** An input for 100.00 EUR to Ada's own bank account, under a key of its own. */
  input(change?: Record<string, unknown>): Record<string, unknown>;
  create(change?: Record<string, unknown>, as?: Customer): Promise<CreatedPayout>;
  /** Creates one that is accepted. */
  started(change?: Record<string, unknown>): Promise<ShownPayout>;
  cancel(id: string, as?: Customer): Promise<string[]>;
  read(id: string, as?: Customer): Promise<ShownPayout | null>;
  reaches(id: string, status: string): Promise<ShownPayout>;
  /** Waits for a status while every attempt follows the one before at once. */
  hurriedTo(id: string, status: string): Promise<ShownPayout>;
  /** What was sent was sent a minute ago. */
  age(id: string): Promise<void>;
  /** Posted and held, in minor units. */
  balance(): Promise<{ posted: bigint; held: bigint }>;
  entriesOf(id: string): Promise<number>;
  eventsOf(id: string): Promise<string[]>;
  /** [kind, severity] of the open dead letters about it. */
  lettersOf(id: string): Promise<string[][]>;
  /** The outcomes of its attempts, with their providers. */
  attemptsOf(id: string): Promise<string[]>;
  /** Ends it after proving the books. */
  close(): Promise<void>;
}

/** Each step by its status, and its name where it has one. */
export function steps({ timeline }: Pick<ShownPayout, 'timeline'>): string[] {
  return timeline.map(({ status, step }) => (step ? `${status} ${step}` : status));
}

export const BEGUN = ['INITIATED', 'VALIDATING KYC_VERIFICATION', 'VALIDATING COMPLIANCE_CHECK', 'BALANCE_RESERVED'];

export async function openPayoutScene(): Promise<PayoutScene> {
  const payouts = createScriptedRegistry();
  const world = await openTransferWorld({ payouts });
  const [ada, bob] = [await world.customer('Ada'), await world.customer('Bob')];
  let keys = 0;

  async function waitFor(id: string, status: string, before: () => Promise<void>): Promise<ShownPayout> {
    let now: ShownPayout | null = null;
    const shown = await until(`the payout is ${status}`, async () => {
      await before();
      now = await scene.read(id);
      return now?.status === status ? now : null;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; it is ${now ? JSON.stringify(steps(now)) : 'not there'}`);
    });
    return shown!;
  }

  const scene: PayoutScene = {
    world,
    payouts,
    ada,
    bob,
    method: await world.link(ada, { reference: `iban:${IBAN}` }),
    account: await world.account(ada, 'EUR', { funds: '1000.00' }),
    deps: { pool: world.jobsPool(), payouts, wakeUp: { signal: () => world.wake() } },
    async begin() {
      payouts.reset();
      world.risk.answer = async () => ({ ...ALLOW, spending: SPENDING });
      scene.account = await world.account(ada, 'EUR', { funds: '1000.00' });
    },
    input: (change = {}) => ({
      idempotencyKey: `payout-${++keys}`,
      source: { accountId: scene.account },
      destination: { paymentMethodId: scene.method },
      amount: { amount: '100.00', currency: 'EUR' },
      ...change,
    }),
    async create(change = {}, as = ada) {
      const result = await world.execute(as, CREATE, { input: scene.input(change) });
      if (result.errors) throw new Error(JSON.stringify(result.errors));
      return result.data!['createTransfer'] as CreatedPayout;
    },
    async started(change = {}) {
      const { transfer, userErrors } = await scene.create(change);
      if (!transfer) throw new Error(JSON.stringify(userErrors));
      return transfer;
    },
    async cancel(id, as = ada) {
      const { data, errors } = await world.execute(as, CANCEL, { id });
      if (errors) throw new Error(JSON.stringify(errors));
      return (data!['cancelTransfer'] as { userErrors: { code: string }[] }).userErrors.map(({ code }) => code);
    },
    async read(id, as = ada) {
      return (await world.execute(as, READ, { id })).data!['transfer'] as ShownPayout | null;
    },
    reaches: (id, status) => waitFor(id, status, async () => {}),
    hurriedTo: (id, status) =>
      waitFor(id, status, async () => {
        await scene.age(id);
        await hurryJob(world.admin, `payout:${id}`);
      }),
    age: (id) => ageAttempts(world.admin, id),
    async balance() {
      const { rows } = await world.admin.query<{ posted: string; held: string }>(
        'SELECT posted, held FROM ledger.account WHERE id = $1',
        [scene.account],
      );
      return { posted: BigInt(rows[0]!.posted), held: BigInt(rows[0]!.held) };
    },
    async entriesOf(id) {
      return (await world.admin.query('SELECT FROM ledger.entry WHERE transfer_id = $1', [id])).rowCount!;
    },
    async eventsOf(id) {
      const { rows } = await world.admin.query<{ type: string }>(
        'SELECT type FROM platform.event WHERE key = $1 ORDER BY xid, id',
        [id],
      );
      return rows.map(({ type }) => type);
    },
    async lettersOf(id) {
      const { rows } = await world.admin.query<{ kind: string; severity: string }>(
        `SELECT kind, severity FROM transfer.dead_letter WHERE transfer_id = $1 AND state <> 'RESOLVED' ORDER BY kind`,
        [id],
      );
      return rows.map(({ kind, severity }) => [kind, severity]);
    },
    async attemptsOf(id) {
      const { rows } = await world.admin.query<{ shown: string }>(
        `SELECT concat_ws(' ', provider, coalesce(outcome, 'OPEN')) AS shown FROM transfer.provider_attempt
         WHERE transfer_id = $1 ORDER BY attempt`,
        [id],
      );
      return rows.map(({ shown }) => shown);
    },
    async close() {
      try {
        await world.proveBooks();
      } finally {
        await world.close();
      }
    },
  };
  return scene;
}
