import type { Pool } from 'pg';
import { PrismaClient, type Prisma, type Transfer } from '../../prisma/transfer/client/client.ts';
import { prismaAdapter, type Queryable } from '../../platform/db.ts';
import type { AccountId, PaymentMethodId, TransferId, UserId } from '../../platform/ids.ts';
import type { TransferStatus, TransferType } from './generated/resolvers.ts';
import type { TransferParent, TransferStep } from './graph-types.ts';
import { readFeeLines } from './quotes/fees.ts';

/** A customer as this subgraph knows them. */
export interface Payee {
  userId: UserId;
  emailHash: string;
  displayName: string;
}

/** Which transfers of a person are asked for; all given conditions hold. */
export interface TransferQuery {
  userId: UserId;
  status?: readonly TransferStatus[] | undefined;
  type?: readonly TransferType[] | undefined;
  /** One of the person's own ends. */
  accountId?: AccountId | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
  /** Only what comes after this one in the list. */
  after?: TransferId | undefined;
  limit: number;
}

/** The tables of transfer. What is posted is written by the poster's SQL function alone; here it is read. */
export interface TransferStore {
  /** In the order of the ids; null where there is none. */
  findTransfers(ids: readonly TransferId[]): Promise<(TransferParent | null)[]>;
  /** Newest first. */
  listTransfers(query: TransferQuery): Promise<TransferParent[]>;
  findPayees(userIds: readonly UserId[]): Promise<Payee[]>;
  close(): Promise<void>;
}

export function createTransferStore(pool: Pool): TransferStore {
  const prisma = new PrismaClient({ adapter: prismaAdapter(pool, 'transfer') });
  return {
    findPayees: (userIds) => findPayees(pool, userIds),
    async findTransfers(ids) {
      const rows = await prisma.transfer.findMany({ where: { id: { in: [...ids] } } });
      const byId = new Map(rows.map((row) => [row.id, toTransfer(row)]));
      return ids.map((id) => byId.get(id) ?? null);
    },
    listTransfers: (query) => listTransfers(prisma, query),
    close: () => prisma.$disconnect(),
  };
}

interface PayeeRow {
  user_id: UserId;
  email_hash: string;
  display_name: string;
}

async function findPayees(db: Queryable, userIds: readonly UserId[]): Promise<Payee[]> {
  const { rows } = await db.query<PayeeRow>({
    name: 'transfer-find-payees',
    text: 'SELECT user_id, email_hash, display_name FROM payee WHERE user_id = ANY ($1::uuid[])',
    values: [userIds],
  });
  return rows.map(toPayee);
}

function toPayee({ user_id, email_hash, display_name }: PayeeRow): Payee {
  return { userId: user_id, emailHash: email_hash, displayName: display_name };
}

/** Notes customers, within the transaction of the listener's cursor. Running twice changes nothing. */
export async function recordPayees(tx: Queryable, payees: readonly Payee[]): Promise<void> {
  await tx.query({
    name: 'transfer-record-payees',
    text: `INSERT INTO payee (user_id, email_hash, display_name)
           SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])
           ON CONFLICT (user_id) DO UPDATE SET email_hash = excluded.email_hash, display_name = excluded.display_name`,
    values: [
      payees.map(({ userId }) => userId),
      payees.map(({ emailHash }) => emailHash),
      payees.map(({ displayName }) => displayName),
    ],
  });
}

/**
 * Two walks, one along each index: what the person sent, and what came from somebody else. Each gives a page, and the newest
 * of both are the page; one query with OR would sort all of a person's transfers for it. Ids are UUIDv7: their order is the
 * order of createdAt, and they never change, so that new transfers do not shift a page.
 */
async function listTransfers(prisma: PrismaClient, query: TransferQuery): Promise<TransferParent[]> {
  const { userId, accountId, limit } = query;
  const sent: Prisma.TransferWhereInput = { sourceOwnerId: userId };
  const received: Prisma.TransferWhereInput = {
    destinationOwnerId: userId,
    OR: [{ sourceOwnerId: null }, { sourceOwnerId: { not: userId } }],
  };
  if (accountId !== undefined) {
    // Of the other side only the label is shown, so its account is nothing that one can filter by.
    sent.OR = [{ sourceAccountId: accountId }, { destinationAccountId: accountId, destinationOwnerId: userId }];
    received.destinationAccountId = accountId;
  }
  const pages = await Promise.all(
    [sent, received].map((where) =>
      prisma.transfer.findMany({ where: { AND: [where, conditions(query)] }, orderBy: { id: 'desc' }, take: limit }),
    ),
  );
  return pages
    .flat()
    .sort((a, b) => (a.id < b.id ? 1 : -1))
    .slice(0, limit)
    .map(toTransfer);
}

function conditions({ status, type, from, to, after }: TransferQuery): Prisma.TransferWhereInput {
  return {
    ...(status && { status: { in: [...status] } }),
    ...(type && { type: { in: [...type] } }),
    ...((from || to) && { createdAt: { ...(from && { gte: from }), ...(to && { lt: to }) } }),
    ...(after && { id: { lt: after } }),
  };
}

function toTransfer(row: Transfer): TransferParent {
  // The casts below are at the border to the database: ids come back as they were branded when written, and the table's
  // CHECK constraints hold the values of the enums.
  return {
    id: row.id as TransferId,
    type: row.type as TransferType,
    status: row.status as TransferStatus,
    amount: { amountMinor: BigInt(row.amount.toFixed(0)), currency: row.currency },
    destinationAmount: {
      amountMinor: BigInt(row.destinationAmount.toFixed(0)),
      currency: row.destinationCurrency,
    },
    exchangeRate: row.exchangeRate,
    feesMinor: BigInt(row.fees.toFixed(0)),
    feeLines: readFeeLines(row.feeLines),
    source: {
      accountId: row.sourceAccountId as AccountId | null,
      paymentMethodId: row.sourcePaymentMethodId as PaymentMethodId | null,
      ownerId: row.sourceOwnerId as UserId | null,
      label: row.sourceLabel,
    },
    destination: {
      accountId: row.destinationAccountId as AccountId | null,
      paymentMethodId: row.destinationPaymentMethodId as PaymentMethodId | null,
      ownerId: row.destinationOwnerId as UserId | null,
      label: row.destinationLabel,
    },
    description: row.description,
    failureCode: row.failureCode,
    timeline: (row.timeline as unknown as StoredStep[]).map(toStep),
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

/** A step as create_transfers writes it. */
interface StoredStep {
  status: TransferStatus;
  at: string;
  step?: string;
  note?: string;
}

function toStep({ status, at, step, note }: StoredStep): TransferStep {
  return { status, at: new Date(at), step: step ?? null, note: note ?? null };
}
