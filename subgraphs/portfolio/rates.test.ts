import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { addDays, endOf, startOf } from '../../platform/days.ts';
import type { NewEvent } from '../../platform/event-log.ts';
import { newId, type AccountId, type UserId } from '../../platform/ids.ts';
import { formatAmount } from '../../platform/money.ts';
import { valueIn } from '../../platform/rates.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import {
  accountOpened,
  entryPosted,
  eventAccount,
  openProjectionWorld,
  type EventAccount,
  type ProjectionWorld,
} from '../../tests/projection-world.ts';
import { addRateDays } from '../../tests/rate-days.ts';
import { until } from '../../tests/until.ts';
import { createPortfolioSubgraph } from './subgraph.ts';

const NOW = new Date('2026-03-10T15:00:00.000Z');
const daysAgo = (days: number) => addDays(NOW, -days);

/** Three days of rates with gaps between them; from the second on there is ether. */
const RATE_DAYS: Record<string, Record<string, string>> = {
  '2026-02-01': { EUR: '0.5', JPY: '100' },
  '2026-03-01': { EUR: '0.625', JPY: '125', ETH: '0.0005' },
  '2026-03-09': { EUR: '0.8', JPY: '150', ETH: '0.0004' },
};
let world: ProjectionWorld;

beforeAll(async () => {
  world = await openProjectionWorld('portfolio', createPortfolioSubgraph, { clock: { now: () => NOW } });
  await addRateDays(world.admin, RATE_DAYS);
});
afterAll(() => world.close());

function posted(account: EventAccount, amountMinor: bigint, at: Date): NewEvent<'EntryPosted'> {
  return entryPosted([{ account, amountMinor, lineType: amountMinor < 0n ? 'WITHDRAWAL' : 'DEPOSIT' }], at);
}

interface Portfolio {
  total: { amount: string };
  asOf: string;
  stale: boolean;
  ratesDate: string | null;
  holdings: { currency: string; value: { amount: string } | null; share: string | null }[];
  change: { absolute: { amount: string }; ratio: string | null };
  history: { date: string; total: { amount: string } }[];
}

async function portfolioOf(owner: UserId, fields: string, currency = 'USD'): Promise<Portfolio> {
  const { data, errors } = await world.execute<{ me: { portfolio: Portfolio } }>(
    `query ($currency: CurrencyCode) { me { portfolio(currency: $currency) { ${fields} } } }`,
    { viewer: viewerFor(owner), variables: { currency } },
  );
  expect(errors).toEqual([]);
  return data.me.portfolio;
}

async function ownerWith(...balances: [currency: string, amountMinor: bigint, at: Date][]): Promise<UserId> {
  const owner = newId<UserId>();
  for (const [currency, amountMinor, at] of balances) {
    const account = eventAccount(owner, currency);
    await world.append([accountOpened(account, at), posted(account, amountMinor, at)]);
  }
  return owner;
}

describe('a portfolio with rates', () => {
  test('is valued with the newest of them, and says of which day they are', async () => {
    const owner = await ownerWith(
      ['EUR', 80_00n, daysAgo(1)],
      ['ETH', 10n ** 18n, daysAgo(1)],
      ['JPY', 1_500n, daysAgo(1)],
    );
    const fields = `total { amount currency } asOf stale ratesDate
      holdings { currency quantity price { amount currency } rate value { amount currency } share }`;
    expect(await portfolioOf(owner, fields)).toEqual({
      total: { amount: '2610.00', currency: 'USD' },
      asOf: NOW.toISOString(),
      stale: false,
      ratesDate: '2026-03-09',
      holdings: [
        {
          currency: 'ETH',
          quantity: '1.000000000000000000',
          price: { amount: '2500.00', currency: 'USD' },
          rate: '2500',
          value: { amount: '2500.00', currency: 'USD' },
          share: '0.9579',
        },
        {
          currency: 'EUR',
          quantity: '80.00',
          price: { amount: '1.25', currency: 'USD' },
          rate: '1.25',
          value: { amount: '100.00', currency: 'USD' },
          share: '0.0383',
        },
        {
          currency: 'JPY',
          quantity: '1500',
          price: { amount: '0.01', currency: 'USD' },
          rate: '0.00666666666667',
          value: { amount: '10.00', currency: 'USD' },
          share: '0.0038',
        },
      ],
    });
    expect((await portfolioOf(owner, 'total { amount }', 'JPY')).total.amount).toBe('391500');
  });

  test('keeps what has no rate out of the total, and is stale by it', async () => {
    const owner = await ownerWith(['USD', 1_00n, daysAgo(1)], ['NGN', 5_000_00n, daysAgo(1)]);
    const { total, stale, holdings } = await portfolioOf(
      owner,
      'total { amount } stale holdings { currency value { amount } share }',
    );
    expect([total.amount, stale]).toEqual(['1.00', true]);
    expect(holdings[1]).toEqual({ currency: 'NGN', value: null, share: null });
  });

  test('changes with balances and with rates', async () => {
    const owner = await ownerWith(['EUR', 100_00n, daysAgo(20)]);
    const change = async (period: string) =>
      (await portfolioOf(owner, `change(period: ${period}) { absolute { amount } ratio }`)).change;
    // Now 125.00. A day ago the same rates; a week ago 100 / 0.625 = 160.00; a month ago there was nothing.
    expect(await change('DAY')).toEqual({ absolute: { amount: '0.00' }, ratio: '0' });
    expect(await change('WEEK')).toEqual({ absolute: { amount: '-35.00' }, ratio: '-0.21875' });
    expect(await change('MONTH')).toEqual({ absolute: { amount: '125.00' }, ratio: null });
    expect(await change('ALL')).toEqual({ absolute: { amount: '125.00' }, ratio: null });
  });

  test('has a history at the rates of each day, and at the oldest known before there were any', async () => {
    const owner = await ownerWith(['EUR', 100_00n, daysAgo(60)], ['ETH', 10n ** 18n, daysAgo(60)]);
    const { history, total } = await portfolioOf(
      owner,
      'total { amount } history(from: "2026-01-31", to: "2026-03-10", points: 100) { date total { amount } }',
    );
    const totals = Object.fromEntries(history.map((point) => [point.date, point.total.amount]));
    // Ether had no rate before March: its oldest one, 2,000 dollars, is used.
    expect(totals).toMatchObject({
      '2026-01-31': '2200.00',
      '2026-02-01': '2200.00',
      '2026-02-28': '2200.00',
      '2026-03-01': '2160.00',
      '2026-03-08': '2160.00',
      '2026-03-09': '2625.00',
      '2026-03-10': total.amount,
    });
    expect(history).toHaveLength(39);
  });
});

describe('a rate that was set aside', () => {
  test('values nothing, now or in the past: the last good one does, and the portfolio is stale', async () => {
    await world.admin.query(
      `INSERT INTO portfolio.rate (currency, date, per_usd, doubtful)
       VALUES ('CHF', '2026-03-01', '0.5', NULL), ('CHF', '2026-03-09', '5000', 'changed by a factor of 1e+4')`,
    );
    const owner = await ownerWith(['CHF', 100_00n, daysAgo(8)]);
    await until('the rates of the last second', async () => (await portfolioOf(owner, FIELDS)).total.amount !== '0.00');
    const { total, stale, history } = await portfolioOf(owner, FIELDS);
    expect({ total: total.amount, stale }).toEqual({ total: '200.00', stale: true });
    expect(history.map((point) => point.total.amount)).toEqual(['200.00', '200.00', '200.00']);
  });

  const FIELDS = 'total { amount } stale history(from: "2026-03-08", points: 3) { total { amount } }';
});

describe('a history', () => {
  const CODES = ['USD', 'EUR', 'JPY', 'ETH', 'NGN'];

  /** The same from the events alone, as a person with paper would. */
  function valueOn(
    day: string,
    events: { currency: string; amountMinor: bigint; at: Date }[],
    valuation: string,
  ): bigint {
    const rateDays = Object.keys(RATE_DAYS).sort();
    const rateOf = (code: string) => {
      const known = rateDays.filter((date) => RATE_DAYS[date]![code]);
      const date = known.findLast((candidate) => candidate <= day) ?? known[0];
      return date && RATE_DAYS[date]![code];
    };
    const perUsd = Object.fromEntries(CODES.flatMap((code) => (rateOf(code) ? [[code, rateOf(code)!]] : [])));
    return CODES.reduce((sum, code) => {
      const quantity = events
        .filter(({ currency, at }) => currency === code && at < endOf(day))
        .reduce((total, { amountMinor }) => total + amountMinor, 0n);
      return sum + (valueIn(quantity, code, valuation, { perUsd }) ?? 0n);
    }, 0n);
  }

  test('equals what the events add up to, on any days, for any accounts, also when they come out of order', async () => {
    const event = fc.record({
      account: fc.nat({ max: 4 }),
      amountMinor: fc.bigInt(-(10n ** 20n), 10n ** 20n),
      atMs: fc.integer({ min: startOf('2026-01-20').getTime(), max: NOW.getTime() }),
    });
    const run = async (
      given: { account: number; amountMinor: bigint; atMs: number }[],
      valuation: string,
      points: number,
      reversed: boolean,
    ) => {
      const owner = newId<UserId>();
      const accounts = [...CODES.slice(0, 4), 'EUR'].map((currency) => eventAccount(owner, currency));
      // An account's own versions come in the order of time.
      const inOrder = [...given].sort((a, b) => a.atMs - b.atMs);
      const events = inOrder.map(({ account, amountMinor, atMs }) =>
        posted(accounts[account]!, amountMinor, new Date(atMs)),
      );
      await world.append([
        ...accounts.map((account) => accountOpened(account)),
        ...(reversed ? events.reverse() : events),
      ]);
      const { history } = await portfolioOf(
        owner,
        `history(from: "2026-01-15", to: "2026-03-10", points: ${points}) { date total { amount } }`,
        valuation,
      );
      const facts = inOrder.map(({ account, amountMinor, atMs }) => ({
        currency: accounts[account]!.currency,
        amountMinor,
        at: new Date(atMs),
      }));
      expect(history).toEqual(
        history.map(({ date }) => ({
          date,
          total: { amount: formatAmount(valueOn(date, facts, valuation), valuation) },
        })),
      );
      expect(history.at(-1)!.date).toBe('2026-03-10');
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 30 }),
        fc.constantFrom(...CODES),
        fc.integer({ min: 1, max: 100 }),
        fc.boolean(),
        run,
      ),
      { numRuns: 25 },
    );
  });

  test('of ten years with a thousand points takes the same few statements as that of a week, and little time', async () => {
    const owner = newId<UserId>();
    const accounts = ['EUR', 'JPY', 'ETH', 'USD', 'EUR'].map((currency) => eventAccount(owner, currency));
    await world.append(accounts.map((account) => accountOpened(account, daysAgo(3_600))));
    await fillPast(accounts.map(({ id }) => id));
    const statementsFor = async (fields: string) => {
      const before = world.statements();
      const portfolio = await portfolioOf(owner, fields);
      return { statements: world.statements() - before, portfolio };
    };
    await portfolioOf(owner, 'total { amount }');
    const week = await statementsFor('ratesDate history(from: "2026-03-04", points: 7) { date total { amount } }');
    const startMs = performance.now();
    const decade = await statementsFor(
      'ratesDate history(from: "2016-03-11", to: "2026-03-10", points: 1000) { date total { amount } }',
    );
    const tookMs = performance.now() - startMs;
    expect(decade.portfolio.history).toHaveLength(1_000);
    expect(decade.portfolio.history.at(-1)).toEqual(week.portfolio.history.at(-1));
    // Accounts, balances, rates of the days; the newest rates once a second.
    for (const { statements } of [week, decade]) expect([3, 4]).toContain(statements);
    // Some 150 ms on the machine this was written on; the bound only catches what grows with the rows.
    expect(tookMs).toBeLessThan(10_000);
  });

  /** A hundred thousand balances over ten years, and a day of rates for each day of them. */
  async function fillPast(ids: AccountId[]): Promise<void> {
    await world.admin.query(
      `INSERT INTO portfolio.balance (account_id, version, posted, at)
       SELECT id, n, n * 100, $2::timestamptz - interval '10 years' + n * interval '4 hours'
       FROM unnest($1::uuid[]) AS id, generate_series(1, 20000) AS n`,
      [ids, NOW],
    );
    await world.admin.query(
      `WITH day AS (
         INSERT INTO portfolio.rate_day (date, source)
         SELECT d::date, 'test' FROM generate_series('2016-01-01'::date, '2026-01-31', '1 day') AS d
         RETURNING date)
       INSERT INTO portfolio.rate (currency, date, per_usd)
       SELECT code, date, '2.5' FROM day, unnest(array['EUR', 'JPY', 'ETH', 'GBP', 'NGN', 'KES']) AS code`,
    );
    await world.admin.query('ANALYZE portfolio.balance, portfolio.rate');
  }
});

describe('a home screen', () => {
  test('takes the same statements however many accounts there are', async () => {
    const fields = `total { amount } asOf stale holdings { currency value { amount } }
      outside { balance { amount } } outsideTotal { amount } change { ratio } history(points: 30) { date }`;
    const statementsOf = async (owner: UserId) => {
      await portfolioOf(owner, 'id');
      const before = world.statements();
      await portfolioOf(owner, fields);
      return world.statements() - before;
    };
    const one = await statementsOf(await ownerWith(['USD', 1n, daysAgo(1)]));
    const many = await statementsOf(
      await ownerWith(
        ...['EUR', 'JPY', 'ETH', 'USD', 'NGN', 'GBP', 'KES'].map((code): [string, bigint, Date] => [
          code,
          1n,
          daysAgo(9),
        ]),
      ),
    );
    // Accounts, outside accounts, two of the change, two of the history; the newest rates once a second.
    for (const statements of [one, many]) expect([6, 7]).toContain(statements);
  });
});
