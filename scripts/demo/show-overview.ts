import { groupBy } from '../../platform/group-by.ts';
import type { Customer, GraphMoney } from './customer.ts';
import type { Report } from './report.ts';

interface Portfolio {
  total: GraphMoney;
  asOf: string;
  stale: boolean;
  holdings: { currency: string; quantity: string; value: GraphMoney | null; share: string | null }[];
}

interface Overview {
  me: {
    accounts: { edges: { node: { id: string; currency: string; balance: { posted: GraphMoney } } }[] };
    riskProfile: {
      level: string;
      limits: { currency: string; daily: GraphMoney; dailyRemaining: GraphMoney }[];
    };
    insights: { recommendations: { kind: string; title: string; confidence: string }[] };
  };
}

interface Spending {
  me: {
    insights: {
      spending: {
        total: GraphMoney;
        income: GraphMoney;
        categories: { category: string; count: number; share: string; total: GraphMoney }[];
      };
    };
  };
}

interface Assessed {
  transfer: {
    riskAssessment: {
      score: number;
      level: string;
      decision: string;
      factors: { name: string; score: number; weight: string; reason: string }[];
    };
  };
}

const OVERVIEW = `query {
  me {
    accounts { edges { node { id currency balance { posted { amount currency } } } } }
    riskProfile { level limits { currency daily { amount currency } dailyRemaining { amount currency } } }
    insights { recommendations { kind title confidence } }
  }
}`;

const PORTFOLIO = `subscription {
  portfolioUpdated(currency: "USD") {
    total { amount currency } asOf stale holdings { currency quantity value { amount currency } share } } }`;

const SPENDING = `query ($from: Date!, $to: Date!, $currency: CurrencyCode!) {
  me { insights { spending(from: $from, to: $to, currency: $currency) {
    total { amount currency } income { amount currency } categories { category count share total { amount currency } } } } } }`;

const ASSESSMENT = `query ($id: ID!) { transfer(id: $id) {
  riskAssessment { score level decision factors { name score weight reason } } } }`;

/** What was made on the way. */
export interface Made {
  lines: readonly { bookedOn: string; amount: GraphMoney }[];
  /** The transfer whose assessment is shown. */
  paymentId: string;
  accountIds: readonly string[];
}

/** The screens of the app: what there is, where it went, and how risky one payment was. */
export async function showOverview(report: Report, customer: Customer, made: Made): Promise<void> {
  await showPortfolio(report, customer, made.accountIds);
  await showSpending(report, customer, made.lines);
  await showAssessment(report, customer, made.paymentId);
}

async function showPortfolio(report: Report, customer: Customer, accountIds: readonly string[]): Promise<void> {
  const { me } = await customer.ask<Overview>(OVERVIEW);
  const booked = new Map(me.accounts.edges.map(({ node }) => [node.currency, node.balance.posted.amount]));
  const { total, holdings, stale, asOf } = await followPortfolio(customer, booked);
  report.table(
    'portfolio',
    ['holding', 'quantity', 'value', 'share'],
    holdings.map(({ currency, quantity, value, share }) => [
      currency,
      quantity,
      value ? `${value.amount} ${value.currency}` : 'no price',
      share ?? '',
    ]),
  );
  report.tell(
    `together ${total.amount} ${total.currency}, as of ${asOf}${stale ? '; its newest rates are older than they should be' : ''}`,
  );
  report.claim(
    'the portfolio holds what the accounts hold',
    booked.size === accountIds.length && holdsAll({ holdings }, booked),
    'followed live',
  );
  // Cents as whole numbers: every value is in the total's own currency, with its decimals.
  const cents = (money: GraphMoney) => BigInt(money.amount.replace('.', ''));
  const sum = holdings.reduce((all, { value }) => all + (value ? cents(value) : 0n), 0n);
  report.claim('its parts add up to its total', sum === cents(total), `${total.amount} ${total.currency}`);
  const [limit] = me.riskProfile.limits;
  report.claim(
    'the spending limit counts the payment',
    limit !== undefined && cents(limit.dailyRemaining) < cents(limit.daily),
    limit &&
      `${limit.dailyRemaining.amount} of ${limit.daily.amount} ${limit.currency} left today; risk ${me.riskProfile.level}`,
  );
  for (const { kind, title, confidence } of me.insights.recommendations) {
    report.tell(`${kind}: ${title} (confidence ${confidence})`);
  }
}

/** The live portfolio as soon as it has heard of the last payment: it follows the accounts through the event log. */
async function followPortfolio(customer: Customer, booked: ReadonlyMap<string, string>): Promise<Portfolio> {
  const following = customer.follow<{ portfolioUpdated: Portfolio }>(PORTFOLIO, {});
  const isNew = ({ portfolioUpdated }: { portfolioUpdated: Portfolio }) => holdsAll(portfolioUpdated, booked);
  try {
    const events = await following.until('the portfolio hears of the last payment', (all) => all.some(isNew));
    return events.find(isNew)!.portfolioUpdated;
  } finally {
    await following.leave();
  }
}

function holdsAll({ holdings }: Pick<Portfolio, 'holdings'>, booked: ReadonlyMap<string, string>): boolean {
  return (
    holdings.length === booked.size && holdings.every(({ currency, quantity }) => booked.get(currency) === quantity)
  );
}

async function showSpending(report: Report, customer: Customer, lines: Made['lines']): Promise<void> {
  for (const [currency, days] of groupBy(lines, ({ amount }) => amount.currency)) {
    const booked = days.map(({ bookedOn }) => bookedOn).sort();
    const [from, to] = [booked[0]!, booked.at(-1)!];
    const { me } = await customer.ask<Spending>(SPENDING, { from, to, currency });
    const { total, income, categories } = me.insights.spending;
    report.tell(`${from} to ${to}: ${total.amount} ${currency} out, ${income.amount} ${currency} in`);
    report.table(
      `spending ${currency}`,
      ['category', 'lines', 'total', 'share'],
      categories.map(({ category, count, total: spent, share }) => [
        category,
        String(count),
        `${spent.amount} ${spent.currency}`,
        share,
      ]),
    );
    const outgoing = days.filter(({ amount }) => amount.amount.startsWith('-'));
    const counted = categories.reduce((sum, { count }) => sum + count, 0);
    report.claim('every outgoing line is in a category', counted >= outgoing.length, `${outgoing.length} lines`);
  }
}

async function showAssessment(report: Report, customer: Customer, transferId: string): Promise<void> {
  const { transfer } = await customer.ask<Assessed>(ASSESSMENT, { id: transferId });
  const { score, level, decision, factors } = transfer.riskAssessment;
  report.claim(
    'a payment far above the usual was assessed before it moved',
    decision === 'ALLOW',
    `score ${score}, ${level}`,
  );
  report.claim('its factors are known by now', factors.length > 0, `${factors.length} of 5; what is unknown drops out`);
  report.table(
    'risk factors',
    ['factor', 'score', 'weight', 'reason'],
    factors.map(({ name, score: points, weight, reason }) => [name, String(points), weight, reason]),
  );
}
