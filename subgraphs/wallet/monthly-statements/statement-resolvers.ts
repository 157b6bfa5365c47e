import type { Queryable } from '../../../platform/db.ts';
import { toGraphMoney } from '../../../platform/money.ts';
import type { AccountResolvers, Resolvers } from '../generated/resolvers.ts';
import { findStatement, type MonthlyStatementParent } from './find-statement.ts';
import { listStatementLines } from './list-statement-lines.ts';
import { renderCamt053Document, renderCsvDocument, renderJsonDocument } from './render-document.ts';

/** The part of the graph about statements of months. */
export function createStatementResolvers({ pool }: { pool: Queryable }) {
  const account = {
    statement: (parent, { month }) => findStatement(pool, parent, month),
  } satisfies AccountResolvers;

  const entities = {
    MonthlyStatement: {
      opening: ({ openingMinor, account }) => moneyOf(openingMinor, account),
      closing: ({ closingMinor, account }) => moneyOf(closingMinor, account),
      totalIn: ({ inMinor, account }) => moneyOf(inMinor, account),
      totalOut: ({ outMinor, account }) => moneyOf(outMinor, account),
      lines: (statement, args) => listStatementLines(pool, statement, args),
      asJson: async (statement, _args, { loaders }) =>
        renderJsonDocument(pool, statement, await loaders.accountName.load(statement.account.id)),
      asCsv: (statement) => renderCsvDocument(pool, statement),
      asCamt053: async (statement, _args, { loaders }) =>
        renderCamt053Document(pool, statement, await loaders.accountName.load(statement.account.id)),
    },
  } satisfies Resolvers;

  return { account, entities };
}

function moneyOf(amountMinor: bigint, { currency }: MonthlyStatementParent['account']) {
  return toGraphMoney({ amountMinor, currency });
}
