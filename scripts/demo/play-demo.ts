import { randomUUID } from 'node:crypto';
import { DemoFault, type BankClient } from './bank-client.ts';
import { followTransfer, registerCustomer, type Customer } from './customer.ts';
import { followBalances } from './follow-balances.ts';
import { importStatements, type StatementFile } from './import-statements.ts';
import type { Report } from './report.ts';
import { showOverview } from './show-overview.ts';

export type { StatementFile } from './import-statements.ts';

/** Plays the whole demo; true when every claim held. What the bank refuses unexpectedly ends it with that claim. */
export async function playDemo(
  bank: BankClient,
  report: Report,
  statements: readonly StatementFile[],
): Promise<boolean> {
  try {
    await play(bank, report, statements);
  } catch (error) {
    if (!(error instanceof DemoFault)) throw error;
    report.claim('the bank answers as it should', false, error.message);
  }
  return report.held;
}

const DEPOSIT = '500.00';

async function play(bank: BankClient, report: Report, statements: readonly StatementFile[]): Promise<void> {
  report.step('Two customers');
  const [amara, kofi] = await Promise.all([registerCustomer(bank, 'Amara'), registerCustomer(bank, 'Kofi')]);
  const [dollars, naira, yen] = await Promise.all(['USD', 'NGN', 'JPY'].map((code) => amara.openAccount(code)));
  const kofis = await kofi.openAccount('USD');
  report.tell(`${amara.email} with accounts in USD, NGN and JPY; ${kofi.email} with one in USD`);

  report.step('A card and a deposit');
  await deposit(report, amara, dollars!);

  report.step('Statement files of another bank');
  const lines = await importStatements(report, amara, statements);

  report.step('A payment by email');
  await payByEmail(report, { amara, kofi, dollars: dollars!, kofis });

  report.step('Exchange');
  await exchange(report, amara, { from: dollars!, to: naira!, amount: '120.00' });
  await exchange(report, amara, { from: dollars!, to: yen!, amount: '33.33' });

  report.step('20 transfers, both balances followed live');
  await followBalances(report, [
    { customer: amara, accountId: dollars! },
    { customer: kofi, accountId: kofis },
  ]);

  report.step('What the app shows');
  const { transfer } = await amara.transfer({
    source: { accountId: dollars },
    destination: { email: kofi.email },
    amount: { amount: '80.00', currency: 'USD' },
  });
  await showOverview(report, amara, { lines, paymentId: transfer.id, accountIds: [dollars!, naira!, yen!] });
}

async function deposit(report: Report, customer: Customer, accountId: string): Promise<void> {
  const card = await customer.connect({ type: 'CARD', provider: 'stripe', token: 'pm_card_visa' });
  report.tell(`card linked: ${card.label}`);
  const start = (paymentMethodId: string) =>
    customer.transfer({
      source: { paymentMethodId },
      destination: { accountId },
      amount: { amount: DEPOSIT, currency: 'USD' },
    });
  const started = await start(card.id);
  report.tell(`deposit of ${DEPOSIT} USD answered at once: ${started.transfer.status}`);
  const ended = await followTransfer(customer, started.transfer.id);
  const path = ended.timeline.map(({ status }) => status).join(' > ');
  report.claim('the deposit arrives', ended.status === 'COMPLETED', path);
  const { amount } = await customer.balance(accountId);
  report.claim('it is on the account', amount === DEPOSIT, `${amount} USD`);

  const poor = await customer.connect({
    type: 'CARD',
    provider: 'stripe',
    token: 'pm_card_chargeDeclinedInsufficientFunds',
  });
  const declined = await followTransfer(customer, (await start(poor.id)).transfer.id);
  report.claim('an empty card is declined', declined.status === 'FAILED', declined.failureCode ?? 'no code');
  const unchanged = await customer.balance(accountId);
  report.claim('and moves nothing', unchanged.amount === DEPOSIT, `${unchanged.amount} USD`);
}

interface PaymentEnds {
  amara: Customer;
  kofi: Customer;
  dollars: string;
  kofis: string;
}

async function payByEmail(report: Report, { amara, kofi, dollars, kofis }: PaymentEnds): Promise<void> {
  const payment = {
    idempotencyKey: randomUUID(),
    source: { accountId: dollars },
    destination: { email: kofi.email },
    amount: { amount: '100.00', currency: 'USD' },
    description: 'Dinner',
  };
  const { transfer } = await amara.transfer(payment);
  report.claim('a payment by email is completed', transfer.status === 'COMPLETED', `100.00 USD to ${kofi.email}`);
  const again = await amara.transfer(payment);
  report.claim('sent twice, it is made once', again.replayed && again.transfer.id === transfer.id, 'replayed');
  const [hers, his] = await Promise.all([amara.balance(dollars), kofi.balance(kofis)]);
  report.claim(
    'both balances say so',
    hers.amount === '400.00' && his.amount === '100.00',
    `${hers.amount} and ${his.amount} USD`,
  );
}

async function exchange(
  report: Report,
  customer: Customer,
  { from, to, amount }: { from: string; to: string; amount: string },
): Promise<void> {
  const before = await customer.balance(from);
  const { transfer } = await customer.transfer({
    source: { accountId: from },
    destination: { accountId: to },
    amount: { amount, currency: before.currency },
  });
  const arrived = await customer.balance(to);
  const { destinationAmount, exchangeRate } = transfer;
  report.claim(
    `${amount} ${before.currency} become ${destinationAmount?.amount} ${arrived.currency}`,
    transfer.status === 'COMPLETED' && transfer.type === 'EXCHANGE' && destinationAmount?.amount === arrived.amount,
    `at ${exchangeRate}`,
  );
}
