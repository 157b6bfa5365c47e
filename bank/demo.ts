import { accountsOf } from '../ledger/accounts.ts';
import type { AccountKind } from '../platform/events.ts';
import type { AccountId, UserId } from '../platform/ids.ts';
import { parseAmount } from '../platform/money.ts';
import { Refusal } from '../platform/refusal.ts';
import type pg from 'pg';
import type { Role } from '../platform/viewer.ts';
import type { WakeUp } from '../platform/wake-up.ts';
import type { UserSubgraph } from '../subgraphs/user/subgraph.ts';
import type { WalletSubgraph } from '../subgraphs/wallet/subgraph.ts';
import { findCustomer } from './find-customer.ts';
import { fundAccount, openingEntryId } from './fund-account.ts';

/**
 * Two customers to try the bank with, made by the same operations as any customer. Each step looks first whether it was done
 * before: a start that was broken off is completed by the next one, and nothing is made or paid twice.
 */
interface DemoCustomer {
  email: string;
  password: string;
  displayName: string;
  accounts: readonly { name: string; currency: string; kind: AccountKind; amount: string | null }[];
}

export const DEMO_CUSTOMERS: readonly DemoCustomer[] = [
  {
    email: 'ada@example.com',
    password: 'ada-demo-password',
    displayName: 'Ada Obi',
    accounts: [
      { name: 'Everyday', currency: 'USD', kind: 'PERSONAL', amount: '2500.00' },
      { name: 'Euros', currency: 'EUR', kind: 'PERSONAL', amount: '800.00' },
      { name: 'Naira', currency: 'NGN', kind: 'PERSONAL', amount: '350000.00' },
      { name: 'Rainy days', currency: 'USD', kind: 'SAVINGS', amount: null },
      { name: 'Bitcoin', currency: 'BTC', kind: 'PERSONAL', amount: '0.05000000' },
    ],
  },
  {
    email: 'bola@example.com',
    password: 'bola-demo-password',
    displayName: 'Bola Mensah',
    accounts: [
      { name: 'Everyday', currency: 'USD', kind: 'PERSONAL', amount: '1200.00' },
      { name: 'Cedis', currency: 'GHS', kind: 'PERSONAL', amount: '5000.00' },
      { name: 'Yen', currency: 'JPY', kind: 'PERSONAL', amount: '40000' },
    ],
  },
];

/** Two of the bank's staff, to try with what takes two people. They own no accounts. */
export const DEMO_STAFF = [
  { email: 'kofi@example.com', password: 'kofi-demo-password', displayName: 'Kofi Asante', role: 'ADMIN' },
  { email: 'lena@example.com', password: 'lena-demo-password', displayName: 'Lena Brandt', role: 'ADMIN' },
] as const;

export interface DemoDeps {
  user: UserSubgraph;
  wallet: WalletSubgraph;
  /** As the user's service, to find customers that exist. */
  userPool: pg.Pool;
  /** As the ledger's service, which may post what comes from the settlement account. */
  ledgerPool: pg.Pool;
  wakeUp: WakeUp;
}

/** Makes what is missing of the demo customers and the demo staff. */
export async function createDemoCustomers(deps: DemoDeps): Promise<void> {
  for (const customer of DEMO_CUSTOMERS) {
    const userId = await ensureCustomer(deps, customer);
    const existing = await accountsOf(deps.ledgerPool, userId, { after: null, limit: 100 });
    for (const { name, currency, kind, amount } of customer.accounts) {
      const account = existing.find((each) => each.currency === currency && each.kind === kind);
      const accountId: AccountId = account?.id ?? (await deps.wallet.openAccount(userId, { name, currency, kind }));
      if (amount === null) continue;
      const money = { amountMinor: parseAmount(amount, currency), currency };
      await fundAccount(deps.ledgerPool, { accountId, money, entryId: openingEntryId(accountId) });
    }
  }
  // Staff is made with its role and never given it later: whoever had registered one of these addresses before would get it.
  for (const person of DEMO_STAFF) await ensureCustomer(deps, person, ['CUSTOMER', person.role]);
  deps.wakeUp.signal();
}

async function ensureCustomer(
  { user, userPool }: DemoDeps,
  customer: Pick<DemoCustomer, 'email' | 'password' | 'displayName'>,
  roles: readonly Role[] = ['CUSTOMER'],
): Promise<UserId> {
  // Asked first, because registering hashes a password, which takes time on purpose.
  const known = await findCustomer(userPool, customer.email);
  if (known) return known;
  const { email, password, displayName } = customer;
  try {
    return await user.registerCustomer({ email, password, displayName }, roles);
  } catch (error) {
    // Another bank on the same database was quicker.
    const existing = error instanceof Refusal ? await findCustomer(userPool, email) : null;
    if (existing) return existing;
    throw error;
  }
}
