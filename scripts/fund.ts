/** `npm run fund -- EMAIL AMOUNT CURRENCY`: money for a customer of the embedded bank, out of its settlement account. */
import { findCustomer } from '../bank/find-customer.ts';
import { accountToFund, fundAccount } from '../bank/fund-account.ts';
import { openDatabase } from '../bank/open-database.ts';
import { balances } from '../ledger/balances.ts';
import { printHelp } from '../platform/command-line.ts';
import { readConfig } from '../platform/config.ts';
import { runMain } from '../platform/main-process.ts';
import { formatAmount, parseAmount, type Money } from '../platform/money.ts';
import { Refusal } from '../platform/refusal.ts';
import { StartError } from '../platform/start-error.ts';

const USAGE = 'npm run fund -- EMAIL AMOUNT CURRENCY, for example npm run fund -- ada@example.com 100.00 USD';

runMain(async (main) => {
  const given = process.argv.slice(2);
  if (
    printHelp(
      `${USAGE}\n\nPuts money on a customer's account out of the settlement account; embedded bank only.`,
      given,
    )
  )
    return 'done';
  const [email, amount, currency, ...more] = given;
  if (!email || !amount || !currency || more.length > 0) throw new StartError(`Usage: ${USAGE}`);
  const money = parseMoney(amount, currency);
  const config = readConfig(process.env);
  if (config.databaseUrl !== null || !config.simulated) {
    throw new StartError(
      'Funding by hand makes money from nothing: it exists for the embedded bank only (no DATABASE_URL, no live providers).',
    );
  }
  const database = await openDatabase(config);
  main.onStop(() => database.close());
  const ledger = database.pool('ledger');
  const customer = await findCustomer(database.pool('user'), email);
  if (!customer) throw new StartError(`There is no customer with the email ${email}.`);
  const accountId = await accountToFund(ledger, customer, currency);
  if (!accountId) {
    throw new StartError(
      `${email} has no active PERSONAL account in ${currency}: open one first (mutation openAccount).`,
    );
  }
  // The bank's own readers look at the log by themselves, so nobody has to be woken.
  await fundAccount(ledger, { accountId, money });
  const balance = (await balances(ledger, [accountId])).get(accountId)!;
  process.stdout.write(
    `${email} got ${formatAmount(money.amountMinor, currency)} ${currency} on account ${accountId}; it now has ${formatAmount(balance.postedMinor, currency)} ${currency}.\n`,
  );
  return 'done';
});

function parseMoney(amount: string, currency: string): Money {
  try {
    return { amountMinor: parseAmount(amount, currency), currency };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new StartError(`${amount} ${currency} is no amount to fund (${error.code}). Usage: ${USAGE}`);
  }
}
