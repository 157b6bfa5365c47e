import { randomBytes, randomUUID } from 'node:crypto';
import { DemoFault, type BankClient, type Following } from './bank-client.ts';

/** An amount as the graph writes it. */
export interface GraphMoney {
  amount: string;
  currency: string;
}

/** A transfer as the demo reads it. */
export interface GraphTransfer {
  id: string;
  type: string;
  status: string;
  failureCode: string | null;
  exchangeRate: string | null;
  amount: GraphMoney;
  destinationAmount: GraphMoney | null;
  timeline: { status: string }[];
}

interface UserError {
  code: string;
  message: string;
}

/** A customer with a session, who asks for things the way an app does. */
export interface Customer {
  displayName: string;
  email: string;
  openAccount(currency: string): Promise<string>;
  /** Posted balance of one of the customer's accounts. */
  balance(accountId: string): Promise<GraphMoney & { version: number }>;
  connect(input: Record<string, unknown>): Promise<{ id: string; label: string }>;
  transfer(input: Record<string, unknown>): Promise<{ transfer: GraphTransfer; replayed: boolean }>;
  ask<Data>(query: string, variables?: Record<string, unknown>): Promise<Data>;
  follow<Data>(query: string, variables: Record<string, unknown>): Following<Data>;
}

const TRANSFER_FIELDS =
  'id type status failureCode exchangeRate amount { amount currency } destinationAmount { amount currency } timeline { status }';

/** Registers a new customer: each run of the demo has its own, so that it can be run as often as one likes. */
export async function registerCustomer(bank: BankClient, displayName: string): Promise<Customer> {
  const email = `${displayName.toLowerCase()}-${randomBytes(4).toString('hex')}@example.com`;
  const input = { email, password: randomUUID(), displayName };
  const { register } = await bank.ask<{
    register: { tokens: { accessToken: string } | null; userErrors: UserError[] };
  }>(
    `mutation ($input: RegisterInput!) {
       register(input: $input) { tokens { accessToken } userErrors { code message } } }`,
    { input },
  );
  const token = granted(register.tokens, register.userErrors).accessToken;
  const ask = <Data>(query: string, variables: Record<string, unknown> = {}) => bank.ask<Data>(query, variables, token);
  return {
    displayName,
    email,
    ask,
    follow: (query, variables) => bank.follow(query, variables, token),
    async openAccount(currency) {
      const { openAccount } = await ask<{ openAccount: { account: { id: string } | null; userErrors: UserError[] } }>(
        `mutation ($input: OpenAccountInput!) { openAccount(input: $input) { account { id } userErrors { code message } } }`,
        { input: { currency, name: `${displayName}'s ${currency}` } },
      );
      return granted(openAccount.account, openAccount.userErrors).id;
    },
    async balance(accountId) {
      const { account } = await ask<{ account: { balance: { posted: GraphMoney; version: number } } | null }>(
        'query ($id: ID!) { account(id: $id) { balance { posted { amount currency } version } } }',
        { id: accountId },
      );
      if (!account) throw new DemoFault(`the account ${accountId} is not to be seen`);
      return { ...account.balance.posted, version: account.balance.version };
    },
    async connect(input) {
      const { connectPaymentMethod } = await ask<{
        connectPaymentMethod: { paymentMethod: { id: string; label: string } | null; userErrors: UserError[] };
      }>(
        `mutation ($input: ConnectPaymentMethodInput!) {
           connectPaymentMethod(input: $input) { paymentMethod { id label } userErrors { code message } } }`,
        { input },
      );
      return granted(connectPaymentMethod.paymentMethod, connectPaymentMethod.userErrors);
    },
    async transfer(input) {
      const { createTransfer } = await ask<{
        createTransfer: { transfer: GraphTransfer | null; replayed: boolean; userErrors: UserError[] };
      }>(
        `mutation ($input: CreateTransferInput!) {
           createTransfer(input: $input) { replayed transfer { ${TRANSFER_FIELDS} } userErrors { code message } } }`,
        { input: { idempotencyKey: randomUUID(), ...input } },
      );
      const { transfer, replayed, userErrors } = createTransfer;
      return { transfer: granted(transfer, userErrors), replayed };
    },
  };
}

/** What was asked for, or the bank's own words for why there is none. */
function granted<Value>(value: Value | null, userErrors: readonly UserError[]): Value {
  if (value === null || userErrors.length > 0) {
    throw new DemoFault(userErrors.map(({ code, message }) => `${code}: ${message}`).join('; ') || 'no answer');
  }
  return value;
}

/** Follows a transfer live until it is done or has failed. */
export async function followTransfer(customer: Customer, transferId: string): Promise<GraphTransfer> {
  const following = customer.follow<{ transferUpdated: GraphTransfer }>(
    `subscription ($id: ID!) { transferUpdated(transferId: $id) { ${TRANSFER_FIELDS} } }`,
    { id: transferId },
  );
  const isLast = ({ transferUpdated }: { transferUpdated: GraphTransfer }) =>
    ['COMPLETED', 'FAILED'].includes(transferUpdated.status);
  try {
    const events = await following.until('the transfer ends', (all) => all.some(isLast), 60);
    return events.find(isLast)!.transferUpdated;
  } finally {
    await following.leave();
  }
}
