import { readFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import type { ExternalTransactionId, PaymentMethodId } from '../platform/ids.ts';
import type { UserError } from '../platform/refusal.ts';
import type { Viewer } from '../platform/viewer.ts';
import type { WalletWorld } from './wallet-world.ts';

/** A line as the graph shows it. */
export interface ShownLine {
  id: ExternalTransactionId;
  amount: { amount: string; currency: string };
  description: string;
  counterparty: string | null;
  bookedOn: string;
}

/** A payment method as the graph shows it, with its newest hundred lines. */
export interface ShownMethod {
  id: PaymentMethodId;
  type: string;
  provider: string;
  label: string;
  balance: { amount: string; currency: string } | null;
  balanceAsOf: string | null;
  lastSync: string | null;
  isActive: boolean;
  createdAt: string;
  externalTransactions: {
    edges: { cursor: string; node: ShownLine }[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
  };
}

export interface MethodAnswer {
  paymentMethod: ShownMethod | null;
  userErrors: UserError[];
}

export const METHOD = `id type provider label balance { amount currency } balanceAsOf lastSync isActive createdAt
  externalTransactions(first: 100) {
    edges { cursor node { id amount { amount currency } description counterparty bookedOn } } pageInfo { hasNextPage endCursor } }`;
const ANSWER = `paymentMethod { ${METHOD} } userErrors { code message field retryable }`;

/** One of the repository's own statement files. */
export function statementSample(name: string): string {
  return readFileSync(`tests/samples/statements/${name}`, 'utf8');
}

/** Asks the wallet about payment methods, as its customers. */
export function paymentMethodsOf(world: WalletWorld) {
  async function change(viewer: Viewer, mutation: string, variables: object): Promise<MethodAnswer> {
    const { data, errors } = await world.execute<{ answer: MethodAnswer }>(mutation, {
      viewer,
      variables: { ...variables },
    });
    expect(errors).toEqual([]);
    return data.answer;
  }
  const methods = {
    connect: (viewer: Viewer, input: object) =>
      change(
        viewer,
        `mutation ($input: ConnectPaymentMethodInput!) { answer: connectPaymentMethod(input: $input) { ${ANSWER} } }`,
        { input },
      ),
    connectStatement: (viewer: Viewer, statement: string, more: object = {}) =>
      methods.connect(viewer, { type: 'BANK_ACCOUNT', provider: 'statement', statement, ...more }),
    connectCard: (viewer: Viewer, token: string, more: object = {}) =>
      methods.connect(viewer, { type: 'CARD', provider: 'stripe', token, ...more }),
    sync: (viewer: Viewer, id: string, statement?: string) =>
      change(
        viewer,
        `mutation ($id: ID!, $statement: String) { answer: syncPaymentMethod(id: $id, statement: $statement) { ${ANSWER} } }`,
        { id, statement },
      ),
    disconnect: (viewer: Viewer, id: string) =>
      change(viewer, `mutation ($id: ID!) { answer: disconnectPaymentMethod(id: $id) { ${ANSWER} } }`, { id }),
    async list(viewer: Viewer): Promise<ShownMethod[]> {
      const { data, errors } = await world.execute<{ me: { paymentMethods: { edges: { node: ShownMethod }[] } } }>(
        `{ me { paymentMethods(first: 100) { edges { node { ${METHOD} } } } } }`,
        { viewer },
      );
      expect(errors).toEqual([]);
      return data.me.paymentMethods.edges.map(({ node }) => node);
    },
    /** What the log has of a payment method, in order. */
    async events(id: PaymentMethodId) {
      const { rows } = await world.database
        .pool('postgres')
        .query<{ type: string; payload: Record<string, unknown> & { lines?: unknown[] } }>(
          'SELECT type, payload FROM platform.event WHERE key = $1 ORDER BY xid, id',
          [id],
        );
      return rows;
    },
  };
  return methods;
}

/** The payment method of an answer that must not be a refusal. */
export async function done(answer: Promise<MethodAnswer>): Promise<ShownMethod> {
  const { paymentMethod, userErrors } = await answer;
  expect(userErrors).toEqual([]);
  return paymentMethod!;
}

/** The code and field of an answer that must be a refusal, for example "INVALID_LABEL label". */
export async function refusalOf(answer: Promise<MethodAnswer>): Promise<string> {
  const { paymentMethod, userErrors } = await answer;
  expect(paymentMethod).toBeNull();
  expect(userErrors).toHaveLength(1);
  return [userErrors[0]!.code, ...(userErrors[0]!.field ?? [])].join(' ');
}

/** The lines of a payment method, newest first. */
export function linesOf({ externalTransactions }: ShownMethod): ShownLine[] {
  return externalTransactions.edges.map(({ node }) => node);
}
