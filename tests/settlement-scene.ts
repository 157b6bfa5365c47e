import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { withTransaction } from '../platform/db.ts';
import { newId, type TransferId } from '../platform/ids.ts';
import { createLog } from '../platform/log.ts';
import type { CardProvider } from '../providers/card-provider.ts';
import { createRegistry } from '../providers/create-registry.ts';
import { createBankrailPayouts } from '../providers/bankrail/bankrail-payouts.ts';
import { createBankrailSettlements } from '../providers/bankrail/bankrail-settlements.ts';
import { createFlutterwavePayouts } from '../providers/flutterwave/flutterwave-payouts.ts';
import { createFlutterwaveSettlements } from '../providers/flutterwave/flutterwave-settlements.ts';
import { createFlutterwaveWebhooks } from '../providers/flutterwave/flutterwave-webhooks.ts';
import { createPaystackPayouts } from '../providers/paystack/paystack-payouts.ts';
import { createPaystackSettlements } from '../providers/paystack/paystack-settlements.ts';
import { createPaystackWebhooks } from '../providers/paystack/paystack-webhooks.ts';
import type { ProviderName } from '../providers/payout-provider.ts';
import type { SettlementFeed } from '../providers/settlement/settlement-feed.ts';
import { startBankrailSimulator, type BankrailSimulator } from '../providers/simulators/bankrail/bankrail-simulator.ts';
import { startFlutterwaveSimulator } from '../providers/simulators/flutterwave/flutterwave-simulator.ts';
import type { PayoutSimulator } from '../providers/simulators/payouts/payout-simulator.ts';
import { startPaystackSimulator } from '../providers/simulators/paystack/paystack-simulator.ts';
import { startStripeSimulator, type StripeSimulator } from '../providers/simulators/stripe/stripe-simulator.ts';
import { createStripeCards } from '../providers/stripe/stripe-cards.ts';
import { createStripePayouts } from '../providers/stripe/stripe-payouts.ts';
import { createStripeSettlements } from '../providers/stripe/stripe-settlements.ts';
import { createStripeWebhooks } from '../providers/stripe/stripe-webhooks.ts';
import { receiveNotice } from '../subgraphs/transfer/notices/receive-notice.ts';
import { takeInReports, type ImportedReport } from '../subgraphs/transfer/reconciliation/take-in-reports.ts';
import { hurryJob } from './payout-jobs.ts';
import { openTransferWorld, type Customer, type TransferWorld } from './transfer-world.ts';
import { until } from './until.ts';

/** A webhook as a provider has sent it. */
export interface SentWebhook {
  provider: string;
  headers: Record<string, string>;
  body: Buffer;
}

/** The transfer subgraph with the real adapters, each before its simulator. What the providers tell on their own reaches it when a test says so. */
export interface SettlementScene {
  world: TransferWorld;
  ada: Customer;
  staff: Customer;
  cards: CardProvider;
  stripe: StripeSimulator;
  paystack: PayoutSimulator;
  flutterwave: PayoutSimulator;
  bankrail: BankrailSimulator;
  feeds: Readonly<Record<ProviderName, SettlementFeed>>;
  /** What was told, in the order in which it came. */
  webhooks: SentWebhook[];
  /** The first that was told whose body contains all of this. */
  webhookWith(...texts: string[]): Promise<SentWebhook>;
  /** Lets the bank hear it, and waits until it has been acted on. */
  hear(webhook: SentWebhook): Promise<void>;
  /** A payout of Ada's, as its provider knows it; in the currency that only that provider carries. */
  pay(provider: ProviderName, destination?: string): Promise<{ id: TransferId; key: string }>;
  /** The newest status. */
  statusOf(id: TransferId): Promise<string>;
  /** Waits for a status while every attempt of the job follows the one before at once. */
  reaches(id: TransferId, status: string): Promise<void>;
  /** Reads what a provider says of a day, today unless said, and takes it in. */
  takeIn(provider: ProviderName, day?: string): Promise<ImportedReport[]>;
  /** What has been posted on the bank's own account of a kind with a provider, in minor units. */
  posted(kind: string, provider: string, currency: string): Promise<bigint>;
  close(): Promise<void>;
}

const KEY = 'sk_test_settlementScene1';
const SECRET = 'whsec_settlementScene';
const OUR_IBAN = 'DE75512108001245126199';
/** Where each pays to, and in which currency: none of the others carries it. */
const ENDS: Readonly<Record<ProviderName, { currency: string; funds: string; amount: string; reference: string }>> = {
  paystack: { currency: 'ZAR', funds: '10000.00', amount: '100.00', reference: 'bank:058:0123456789' },
  flutterwave: { currency: 'UGX', funds: '10000000', amount: '100000', reference: 'momo:+256712345678:MTN' },
  bankrail: { currency: 'SEK', funds: '10000.00', amount: '100.00', reference: 'iban:DE89370400440532013000' },
  stripe: { currency: 'USD', funds: '1000.00', amount: '100.00', reference: 'pm_card_visa_debit' },
};

export const today = (): string => new Date().toISOString().slice(0, 10);

export async function openSettlementScene({ now }: { now?: () => number } = {}): Promise<SettlementScene> {
  const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-settlement-'));
  const of = (name: string) => ({
    file: path.join(folder, name),
    secretKey: KEY,
    webhookSecret: SECRET,
    iban: OUR_IBAN,
    delayMs: 20,
    ...(now && { now }),
  });
  const stripe = await startStripeSimulator({ ...of('stripe'), payoutStepMs: 10 });
  const paystack = await startPaystackSimulator(of('paystack'));
  const flutterwave = await startFlutterwaveSimulator(of('flutterwave'));
  const bankrail = await startBankrailSimulator(of('bankrail'));
  const access = (url: string) => ({ secretKey: KEY, url });
  const cards = createStripeCards(access(stripe.url));
  const payouts = createRegistry([
    createStripePayouts(access(stripe.url)),
    createPaystackPayouts(access(paystack.url)),
    createFlutterwavePayouts(access(flutterwave.url)),
    createBankrailPayouts({ ...access(bankrail.url), debtor: { name: 'DwayBank', iban: OUR_IBAN } }),
  ]);
  const feeds = {
    stripe: createStripeSettlements(access(stripe.url)),
    paystack: createPaystackSettlements(access(paystack.url)),
    flutterwave: createFlutterwaveSettlements(access(flutterwave.url)),
    bankrail: createBankrailSettlements(access(bankrail.url)),
  };
  const readers = [
    createStripeWebhooks(SECRET),
    createPaystackWebhooks({ secretKey: KEY }),
    createFlutterwaveWebhooks({ secretHash: SECRET }),
  ];
  const world = await openTransferWorld({ payouts, cards });
  const ada = await world.customer('Ada');
  const kim = await world.customer('Kim');
  const webhooks: SentWebhook[] = [];
  const door = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      webhooks.push({ provider: request.url!.slice(1), headers, body: Buffer.concat(chunks) });
      response.writeHead(200).end();
    });
  }).listen(0, '127.0.0.1');
  await once(door, 'listening');
  const doorUrl = `http://127.0.0.1:${(door.address() as AddressInfo).port}`;
  for (const [name, simulator] of Object.entries({ stripe, paystack, flutterwave })) {
    simulator.sendWebhooksTo(`${doorUrl}/${name}`);
  }
  let keys = 0;

  const scene: SettlementScene = {
    world,
    ada,
    staff: { ...kim, viewer: { ...kim.viewer, roles: ['ADMIN'] } },
    cards,
    stripe,
    paystack,
    flutterwave,
    bankrail,
    feeds,
    webhooks,
    async webhookWith(...texts) {
      const found = await until(`a webhook with ${texts.join(', ')}`, () =>
        webhooks.find(({ body }) => texts.every((text) => body.includes(text))),
      );
      return found!;
    },
    async hear({ provider, headers, body }) {
      const question = { provider, headers, body: body.toString('base64') };
      const wakeUp = { signal: () => world.wake() };
      const clock = { now: () => new Date() };
      const deps = { pool: world.jobsPool(), webhooks: readers, wakeUp, clock, log: createLog('silent') };
      const { outcome } = await receiveNotice(deps, question);
      if (outcome !== 'STORED') throw new Error(outcome);
      await until('what was heard is acted on', async () => {
        const { rowCount } = await world.admin.query(`SELECT FROM transfer.provider_notice WHERE settled_at IS NULL`);
        return rowCount === 0;
      });
    },
    async pay(provider, reference = ENDS[provider].reference) {
      const { currency, funds, amount } = ENDS[provider];
      const saved =
        provider === 'stripe'
          ? (await cards.saveCard(reference, ada.userId, AbortSignal.timeout(20_000))).reference
          : reference;
      const input = {
        idempotencyKey: `settled-${++keys}-${newId<TransferId>()}`,
        source: { accountId: await world.account(ada, currency, { funds }) },
        destination: { paymentMethodId: await world.link(ada, { reference: saved }) },
        amount: { amount, currency },
      };
      const { data, errors } = await world.execute(
        ada,
        `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } userErrors { code } } }`,
        { input },
      );
      const created = data?.['createTransfer'] as { transfer: { id: TransferId } | null } | undefined;
      if (!created?.transfer) throw new Error(JSON.stringify(errors ?? created));
      const { id } = created.transfer;
      return { id, key: id.replaceAll('-', '') };
    },
    async statusOf(id) {
      const { rows } = await world.admin.query<{ status: string }>(
        'SELECT status FROM transfer.transfer WHERE id = $1',
        [id],
      );
      return rows[0]!.status;
    },
    async reaches(id, status) {
      await until(`the payout is ${status}`, async () => {
        await hurryJob(world.admin, `payout:${id}`);
        return (await scene.statusOf(id)) === status;
      });
    },
    async takeIn(provider, day = today()) {
      const { currency } = ENDS[provider];
      const reports = await feeds[provider].readDay(day, { currencies: [currency] }, AbortSignal.timeout(20_000));
      const contentHash = createHash('sha256').update(`${provider} ${day} ${newId<TransferId>()}`).digest();
      const taken = await withTransaction(world.jobsPool(), (tx) =>
        takeInReports(tx, reports, { provider, contentHash, importedBy: null }),
      );
      return taken.filter((report) => report.currency === currency);
    },
    async posted(kind, provider, currency) {
      const { rows } = await world.admin.query<{ total: string }>(
        `SELECT coalesce(sum(p.amount), 0)::text AS total FROM ledger.posting p JOIN ledger.account a ON a.id = p.account_id
         WHERE a.owner_id IS NULL AND a.kind = $1 AND a.provider = $2 AND a.currency = $3`,
        [kind, provider, currency],
      );
      return BigInt(rows[0]!.total);
    },
    async close() {
      try {
        await world.proveBooks();
      } finally {
        await world.close();
        await payouts.close();
        door.closeAllConnections();
        door.close();
        await Promise.all([stripe, paystack, flutterwave, bankrail].map((simulator) => simulator.close()));
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
  return scene;
}
