import type { TransferId } from '../platform/ids.ts';
import { applyProviderNotice } from '../subgraphs/transfer/payouts/apply-provider-notice.ts';
import type { Payout } from '../providers/payout-provider.ts';
import { openDepositScene, type DepositScene } from './deposit-scene.ts';
import { ageAttempts, hurryJob } from './payout-jobs.ts';
import { createScriptedRegistry, type ScriptedProvider } from './scripted-registry.ts';
import type { Customer } from './transfer-world.ts';
import { until } from './until.ts';

const ANSWER = `refund { id type status refundOf { id } } replayed userErrors { code field }`;
const REFUND = `mutation ($input: RefundTransferInput!) { answer: refundTransfer(input: $input) { ${ANSWER} } }`;
const REVERSE = `mutation ($input: ReverseTransferInput!) { answer: reverseTransfer(input: $input) { ${ANSWER} } }`;
const READ = `query ($id: ID!) { transfer(id: $id) { id type status failureCode timeline { status step note }
  refundOf { id } refunds { id } refundedAmount { amount } source { label account { id } }
  destination { label paymentMethod { id } } } }`;
const CANCEL = `mutation ($id: ID!) { cancelTransfer(id: $id) { transfer { status } userErrors { code } } }`;

export interface RefundAnswer {
  refund: { id: TransferId; type: string; status: string; refundOf: { id: TransferId } } | null;
  replayed: boolean;
  userErrors: { code: string; field: string[] | null }[];
}

export interface ShownRefund {
  id: TransferId;
  type: string;
  status: string;
  failureCode: string | null;
  timeline: { status: string; step: string | null; note: string | null }[];
  refundOf: { id: TransferId } | null;
  refunds: { id: TransferId }[];
  refundedAmount: { amount: string };
  source: { label: string; account: { id: string } | null };
  destination: { label: string; paymentMethod: { id: string } | null };
}

/** A scene of deposits, with a provider that refunds what cards were charged as tests say. */
export interface CardRefundScene extends DepositScene {
  stripe: ScriptedProvider;
  /** As `begin`, with a provider that has done nothing. */
  beginRefunds(): Promise<void>;
  /** A deposit of so much that is on Ada's account. */
  deposited(amount?: string): Promise<TransferId>;
  refund(transferId: TransferId, more?: Record<string, unknown>, as?: Customer): Promise<RefundAnswer>;
  /** By a member of staff. */
  reverse(transferId: TransferId, more?: Record<string, unknown>): Promise<RefundAnswer>;
  /** A refund that was accepted. */
  refunding(transferId: TransferId, more?: Record<string, unknown>): Promise<TransferId>;
  cancel(id: TransferId): Promise<string[]>;
  shown(id: TransferId): Promise<ShownRefund>;
  /** Waits for a status while every attempt follows the one before at once, and what was sent was sent long ago. */
  ends(id: TransferId, status: string): Promise<ShownRefund>;
  /** Stripe says on its own what became of a refund. */
  told(id: TransferId, payout: Payout): Promise<void>;
  /** Posted and held on Ada's account, and on suspense, in minor units. */
  money(): Promise<{ posted: bigint; held: bigint; suspense: bigint }>;
  /** [kind, state] of the letters about a transfer. */
  letters(id: TransferId): Promise<string[][]>;
}

/** Each step by its status, and its name where it has one. */
export function stepsOf({ timeline }: Pick<ShownRefund, 'timeline'>): string[] {
  return timeline.map(({ status, step }) => (step ? `${status} ${step}` : status));
}

export async function openCardRefundScene(): Promise<CardRefundScene> {
  const payouts = createScriptedRegistry();
  const deposits = await openDepositScene({ payouts });
  const { world, ada, bob } = deposits;
  const staff: Customer = { ...bob, viewer: { ...bob.viewer, roles: ['ADMIN'] } };
  let keys = 0;

  async function ask(as: Customer, mutation: string, input: Record<string, unknown>): Promise<RefundAnswer> {
    const { data, errors } = await world.execute(as, mutation, {
      input: { idempotencyKey: `refund-${++keys}`, ...input },
    });
    if (errors) throw new Error(JSON.stringify(errors));
    return data!['answer'] as RefundAnswer;
  }

  // Not a copy: `begin` gives the scene another account.
  const scene: CardRefundScene = Object.assign(deposits, {
    stripe: payouts.providers.stripe,
    async beginRefunds() {
      payouts.reset();
      payouts.names = ['stripe'];
      await deposits.begin();
    },
    async deposited(amount = '25.50') {
      const { transfer, userErrors } = await deposits.create({ amount: { amount, currency: 'USD' } });
      if (!transfer) throw new Error(JSON.stringify(userErrors));
      await deposits.reaches(transfer.id, 'COMPLETED');
      return transfer.id;
    },
    refund: (transferId: TransferId, more: Record<string, unknown> = {}, as: Customer = ada) =>
      ask(as, REFUND, { transferId, ...more }),
    reverse: (transferId: TransferId, more: Record<string, unknown> = {}) =>
      ask(staff, REVERSE, { transferId, reason: 'A mistake', ...more }),
    async refunding(transferId: TransferId, more: Record<string, unknown> = {}) {
      const { refund, userErrors } = await scene.refund(transferId, more);
      if (!refund) throw new Error(JSON.stringify(userErrors));
      return refund.id;
    },
    async cancel(id: TransferId) {
      const { data } = await world.execute(ada, CANCEL, { id });
      return (data!['cancelTransfer'] as { userErrors: { code: string }[] }).userErrors.map(({ code }) => code);
    },
    async shown(id: TransferId) {
      const { data, errors } = await world.execute(ada, READ, { id });
      if (errors) throw new Error(JSON.stringify(errors));
      return data!['transfer'] as ShownRefund;
    },
    async ends(id: TransferId, status: string) {
      const shown = await until(`${id} is ${status}`, async () => {
        await ageAttempts(world.admin, id);
        await hurryJob(world.admin, `payout:${id}`);
        const now = await scene.shown(id);
        return now.status === status ? now : null;
      });
      return shown!;
    },
    told: (id: TransferId, payout: Payout) =>
      applyProviderNotice({ pool: world.jobsPool(), wakeUp: { signal: () => world.wake() } }, id, {
        provider: 'stripe',
        payout,
      }),
    async money() {
      const { rows } = await world.admin.query<{ posted: string; held: string; suspense: string }>(
        `SELECT posted, held, (SELECT coalesce(sum(p.amount), 0) FROM ledger.posting p JOIN ledger.account s ON s.id = p.account_id
           WHERE s.kind = 'SUSPENSE') AS suspense FROM ledger.account WHERE id = $1`,
        [scene.account],
      );
      const { posted, held, suspense } = rows[0]!;
      return { posted: BigInt(posted), held: BigInt(held), suspense: BigInt(suspense) };
    },
    async letters(id: TransferId) {
      const { rows } = await world.admin.query<{ kind: string; state: string }>(
        'SELECT kind, state FROM transfer.dead_letter WHERE transfer_id = $1 ORDER BY recorded_at, kind',
        [id],
      );
      return rows.map(({ kind, state }) => [kind, state]);
    },
  });
  return scene;
}
