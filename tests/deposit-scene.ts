import type { AccountId, PaymentMethodId, TransferId } from '../platform/ids.ts';
import type { UserError } from '../platform/refusal.ts';
import type { ProviderRegistry } from '../providers/registry.ts';
import { hurry } from './deposit-jobs.ts';
import { createScriptedCards, type ScriptedCards } from './scripted-cards.ts';
import { openTransferWorld, type Customer, type TransferWorld } from './transfer-world.ts';
import { until } from './until.ts';

const SHOWN = `id type status failureCode createdAt updatedAt timeline { status step note at }
  amount { amount currency } destinationAmount { amount currency } fees { amount }
  source { label account { id } paymentMethod { id } } destination { label account { id } paymentMethod { id } }`;
export const CREATE_DEPOSIT = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { replayed transfer { ${SHOWN} } userErrors { code field } } }`;
const READ = `query ($id: ID!) { transfer(id: $id) { ${SHOWN} } }`;

/** A deposit as its customer reads it. */
export interface ShownDeposit {
  id: TransferId;
  status: string;
  failureCode: string | null;
  timeline: { status: string; step: string | null; note: string | null; at: string }[];
}

export interface CreatedDeposit {
  replayed: boolean;
  transfer: ShownDeposit | null;
  userErrors: Pick<UserError, 'code' | 'field'>[];
}

/** The transfer subgraph with a provider that does what tests say, a customer with a card, and another customer. */
export interface DepositScene {
  world: TransferWorld;
  cards: ScriptedCards;
  ada: Customer;
  bob: Customer;
  /** Ada's. */
  card: PaymentMethodId;
  /** Ada's, in USD; a new one for each test, by `begin`. */
  account: AccountId;
  /** Begins a test: nothing has been charged, and the account is empty. */
  begin(): Promise<void>;
  /** An input for 25.50 USD from the card onto the account, under a key of its own. */
  input(change: Record<string, unknown>): Record<string, unknown>;
  create(change?: Record<string, unknown>): Promise<CreatedDeposit>;
  read(id: string, as?: Customer): Promise<ShownDeposit | null>;
  /** Waits for a status, and shows the deposit then. */
  reaches(id: string, status: string): Promise<ShownDeposit>;
  /** Waits for a status while every attempt follows the one before at once. */
  hurriedTo(id: string, status: string): Promise<ShownDeposit>;
  /** How many entries of the ledger are its. */
  entriesOf(id: string): Promise<number>;
  /** The types of the events about it, in order. */
  eventsOf(id: string): Promise<string[]>;
  /** Ends it after proving the books. */
  close(): Promise<void>;
}

/** Each step by its status, and its name where it has one. */
export function steps({ timeline }: ShownDeposit): string[] {
  return timeline.map(({ status, step }) => (step ? `${status} ${step}` : status));
}

/** `payouts` are for scenes where money goes back to cards. */
export async function openDepositScene({
  payouts = null,
}: { payouts?: ProviderRegistry | null } = {}): Promise<DepositScene> {
  const cards = createScriptedCards();
  const world = await openTransferWorld({ cards, payouts });
  const [ada, bob] = [await world.customer('Ada'), await world.customer('Bob')];
  let keys = 0;

  async function waitFor(id: string, status: string, before: () => Promise<void>): Promise<ShownDeposit> {
    const shown = await until(`the deposit is ${status}`, async () => {
      await before();
      const now = await scene.read(id);
      return now?.status === status ? now : null;
    });
    return shown!;
  }

  const scene: DepositScene = {
    world,
    cards,
    ada,
    bob,
    card: await world.link(ada),
    account: await world.account(ada),
    async begin() {
      cards.calls.length = 0;
      cards.charges.clear();
      scene.account = await world.account(ada);
    },
    input: (change) => ({
      idempotencyKey: `deposit-${++keys}`,
      source: { paymentMethodId: scene.card },
      destination: { accountId: scene.account },
      amount: { amount: '25.50', currency: 'USD' },
      ...change,
    }),
    async create(change = {}) {
      const result = await world.execute(ada, CREATE_DEPOSIT, { input: scene.input(change) });
      if (result.errors) throw new Error(JSON.stringify(result.errors));
      return result.data!['createTransfer'] as CreatedDeposit;
    },
    async read(id, as = ada) {
      return (await world.execute(as, READ, { id })).data!['transfer'] as ShownDeposit | null;
    },
    reaches: (id, status) => waitFor(id, status, async () => {}),
    hurriedTo: (id, status) => waitFor(id, status, () => hurry(world.admin, id)),
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
