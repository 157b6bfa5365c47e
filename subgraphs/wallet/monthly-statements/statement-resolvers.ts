import type { Queryable } from '../../../platform/db.ts';
import { toGraphMoney } from '../../../platform/money.ts';
import type { AccountResolvers, Resolvers } from '../generated/resolvers.ts';
import type { WalletContext } from '../graph-types.ts';
import { createDocumentDesk } from './document-desk.ts';
import { findStatement, type MonthlyStatementParent } from './find-statement.ts';
import { listStatementLines } from './list-statement-lines.ts';
import {
  renderCamt053Document,
  renderCsvDocument,
  renderJsonDocument,
  type StatementDocument,
} from './render-document.ts';

/** The part of the graph about statements of months. */
export function createStatementResolvers({ pool }: { pool: Queryable }) {
  const desk = createDocumentDesk();
  // Whoever has a statement before them is somebody: it is found by its owner.
  const write = ({ viewer, signal }: WalletContext, work: () => Promise<StatementDocument>) =>
    desk.write(viewer!.userId, signal, work);

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
      asJson: async (statement, _args, context) => {
        const name = await context.loaders.accountName.load(statement.account.id);
        return write(context, () => renderJsonDocument(pool, statement, name, context.signal));
      },
      asCsv: (statement, _args, context) => write(context, () => renderCsvDocument(pool, statement, context.signal)),
      asCamt053: async (statement, _args, context) => {
        const name = await context.loaders.accountName.load(statement.account.id);
        return write(context, () => renderCamt053Document(pool, statement, name, context.signal));
      },
    },
  } satisfies Resolvers;

  return { account, entities };
}

function moneyOf(amountMinor: bigint, { currency }: MonthlyStatementParent['account']) {
  return toGraphMoney({ amountMinor, currency });
}
