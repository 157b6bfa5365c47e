import { expect } from '@jest/globals';
import type { AccountId } from '../platform/ids.ts';
import type { Viewer } from '../platform/viewer.ts';
import type { WalletWorld } from './wallet-world.ts';

export interface ShownAmount {
  amount: string;
  currency: string;
}

export interface ShownDocument {
  contentType: string;
  fileName: string;
  text: string;
}

/** A statement as the graph shows it, with its first hundred lines. */
export interface ShownStatement {
  month: string;
  from: string;
  to: string;
  preliminary: boolean;
  opening: ShownAmount;
  closing: ShownAmount;
  totalIn: ShownAmount;
  totalOut: ShownAmount;
  lineCount: number;
  lines: {
    edges: { cursor: string; node: { id: string; type: string; amount: ShownAmount; balanceAfter: ShownAmount; createdAt: string } }[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
  }; // prettier-ignore
  asJson: ShownDocument;
  asCsv: ShownDocument;
  asCamt053: ShownDocument | null;
}

const DOCUMENT = '{ contentType fileName text }';
export const STATEMENT = `month from to preliminary opening { amount currency } closing { amount currency } totalIn { amount currency }
  totalOut { amount currency } lineCount
  lines(first: 100) {
    edges { cursor node { id type amount { amount currency } balanceAfter { amount currency } createdAt } }
    pageInfo { hasNextPage endCursor } }`;
export const DOCUMENTS = `asJson ${DOCUMENT} asCsv ${DOCUMENT} asCamt053 ${DOCUMENT}`;

/** Asks the wallet for a statement, and gives what it answered. */
export async function askStatement(
  world: WalletWorld,
  viewer: Viewer,
  { accountId, month, fields = `${STATEMENT} ${DOCUMENTS}` }: { accountId: AccountId; month: string; fields?: string },
) {
  return world.execute<{ account: { statement: ShownStatement | null } }>(
    `query ($id: ID!, $month: String!) { account(id: $id) { statement(month: $month) { ${fields} } } }`,
    { viewer, variables: { id: accountId, month } },
  );
}

/** The statement of a month, which there must be. */
export async function statementOf(
  world: WalletWorld,
  viewer: Viewer,
  asked: { accountId: AccountId; month: string; fields?: string },
): Promise<ShownStatement> {
  const { data, errors } = await askStatement(world, viewer, asked);
  expect(errors).toEqual([]);
  return data.account.statement!;
}
