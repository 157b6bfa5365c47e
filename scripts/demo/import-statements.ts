import type { Customer, GraphMoney } from './customer.ts';
import type { Report } from './report.ts';

/** A statement file of an outside bank. */
export interface StatementFile {
  file: string;
  text: string;
}

interface ExternalTransaction {
  id: string;
  bookedOn: string;
  description: string;
  category: string | null;
  amount: GraphMoney;
}

const LINES = `query { me { paymentMethods(first: 50) { edges { node {
  id label balance { amount currency }
  externalTransactions(first: 100) {
    pageInfo { hasNextPage }
    edges { node { id bookedOn description category amount { amount currency } } } } } } } } }`;

interface PaymentMethods {
  me: {
    paymentMethods: {
      edges: {
        node: {
          id: string;
          label: string;
          balance: GraphMoney | null;
          externalTransactions: { pageInfo: { hasNextPage: boolean }; edges: { node: ExternalTransaction }[] };
        };
      }[];
    };
  };
}

const SHOWN = 8;

/** Links each file twice: the second time must add nothing. Returns the lines that were read. */
export async function importStatements(
  report: Report,
  customer: Customer,
  statements: readonly StatementFile[],
): Promise<ExternalTransaction[]> {
  const all: ExternalTransaction[] = [];
  for (const { file, text } of statements) {
    const link = () => customer.connect({ type: 'BANK_ACCOUNT', provider: 'statement', statement: text });
    const { id } = await link();
    const first = await readMethod(customer, id);
    report.claim(`${file} is read`, first.lines.length > 0, `${count(first)} as "${first.label}"`);
    const again = await link();
    const second = await readMethod(customer, again.id);
    report.claim(
      'reading it again adds nothing',
      again.id === id && second.lines.length === first.lines.length,
      `${count(second)}`,
    );
    const settled = await waitForCategories(customer, id);
    report.claim(
      'every line has a category',
      settled.every(({ category }) => category !== null),
    );
    report.table(
      'statement',
      ['booked', 'amount', 'category', 'description'],
      settled
        .slice(0, SHOWN)
        .map(({ bookedOn, amount, category, description }) => [
          bookedOn,
          `${amount.amount} ${amount.currency}`.padStart(12),
          category ?? '',
          description.slice(0, 48),
        ]),
    );
    all.push(...settled);
  }
  return all;
}

function count({ lines, more }: { lines: readonly unknown[]; more: boolean }): string {
  return `${more ? 'more than ' : ''}${lines.length} ${lines.length === 1 ? 'line' : 'lines'}`;
}

async function readMethod(customer: Customer, id: string) {
  const { me } = await customer.ask<PaymentMethods>(LINES);
  const method = me.paymentMethods.edges.find(({ node }) => node.id === id)?.node;
  const { edges = [], pageInfo } = method?.externalTransactions ?? {};
  return { label: method?.label ?? '', lines: edges.map(({ node }) => node), more: pageInfo?.hasNextPage ?? false };
}

const CATEGORIES_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 100;

/** Categories follow the import through the event log, a moment later. */
async function waitForCategories(customer: Customer, id: string): Promise<ExternalTransaction[]> {
  const giveUpMs = performance.now() + CATEGORIES_WITHIN_MS;
  for (;;) {
    const { lines } = await readMethod(customer, id);
    if (lines.every(({ category }) => category !== null) || performance.now() > giveUpMs) return lines;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
