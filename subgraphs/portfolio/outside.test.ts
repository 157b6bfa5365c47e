import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { NewEvent } from '../../platform/event-log.ts';
import { newId, type PaymentMethodId, type UserId } from '../../platform/ids.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import {
  accountOpened,
  entryPosted,
  eventAccount,
  openProjectionWorld,
  type ProjectionWorld,
} from '../../tests/projection-world.ts';
import { linked } from '../../tests/outside-lines.ts';
import { addRateDays } from '../../tests/rate-days.ts';
import { until } from '../../tests/until.ts';
import { createPortfolioSubgraph } from './subgraph.ts';

const PAUSE_MS = 50;
let world: ProjectionWorld;

beforeAll(async () => {
  world = await openProjectionWorld('portfolio', (deps) => createPortfolioSubgraph({ ...deps, pauseMs: PAUSE_MS }));
  await addRateDays(world.admin, { '2026-03-09': { EUR: '0.8' } });
});
afterAll(() => world.close());

const SEEN = '2026-03-01T10:00:00.000Z';

function synced(
  paymentMethodId: PaymentMethodId,
  ownerId: UserId,
  [balanceMinor, currency]: [string, string] | [null, null],
  at = SEEN,
  balanceAsOf: string | null = null,
): NewEvent<'PaymentMethodSynced'> {
  return {
    type: 'PaymentMethodSynced',
    key: paymentMethodId,
    payload: { paymentMethodId, ownerId, balanceMinor, currency, balanceAsOf, at },
  };
}

function disconnected(
  paymentMethodId: PaymentMethodId,
  ownerId: UserId,
  at = SEEN,
): NewEvent<'PaymentMethodDisconnected'> {
  return { type: 'PaymentMethodDisconnected', key: paymentMethodId, payload: { paymentMethodId, ownerId, at } };
}

const connected = (id: PaymentMethodId, ownerId: UserId, at = SEEN) => linked({ id, ownerId, currency: 'USD' }, at);

interface Outside {
  total: { amount: string };
  outsideTotal: { amount: string; currency: string };
  outside: unknown[];
}

async function outsideOf(owner: UserId): Promise<Outside> {
  const { data, errors } = await world.execute<{ me: { portfolio: Outside } }>(
    `{ me { portfolio(currency: "USD") { total { amount } outsideTotal { amount currency }
       outside { paymentMethod { id } balance { amount currency } value { amount currency } seenAt } } } }`,
    { viewer: viewerFor(owner) },
  );
  expect(errors).toEqual([]);
  return data.me.portfolio;
}

const amounts = async (owner: UserId) => (await outsideOf(owner)).outsideTotal.amount;

describe('outside accounts', () => {
  test('stand apart, valued in the same currency, and are in no total', async () => {
    const owner = newId<UserId>();
    const [bank, card, unknown, silent] = Array.from({ length: 4 }, () => newId<PaymentMethodId>());
    const account = eventAccount(owner);
    await world.append([
      accountOpened(account),
      entryPosted([{ account, amountMinor: 1_00n, lineType: 'DEPOSIT' }]),
      synced(card!, owner, ['-500', 'USD']),
      synced(bank!, owner, ['8000', 'EUR']),
      synced(unknown!, owner, ['700', 'NGN']),
      synced(silent!, owner, [null, null]),
    ]);
    const seenAt = SEEN;
    expect(await outsideOf(owner)).toEqual({
      total: { amount: '1.00' },
      outsideTotal: { amount: '95.00', currency: 'USD' },
      outside: [
        {
          paymentMethod: { id: bank },
          balance: { amount: '80.00', currency: 'EUR' },
          value: { amount: '100.00', currency: 'USD' },
          seenAt,
        },
        {
          paymentMethod: { id: card },
          balance: { amount: '-5.00', currency: 'USD' },
          value: { amount: '-5.00', currency: 'USD' },
          seenAt,
        },
        { paymentMethod: { id: unknown }, balance: { amount: '7.00', currency: 'NGN' }, value: null, seenAt },
      ],
    });
    expect(await outsideOf(newId<UserId>())).toMatchObject({ outside: [], outsideTotal: { amount: '0.00' } });
  });

  test('say what was seen last, whatever order it is heard in', async () => {
    const owner = newId<UserId>();
    const id = newId<PaymentMethodId>();
    await world.append([synced(id, owner, ['200', 'USD'], '2026-03-02T00:00:00.000Z')]);
    await world.append([synced(id, owner, ['100', 'USD'], '2026-03-01T00:00:00.000Z')]);
    expect(await amounts(owner)).toBe('2.00');
    await world.append([
      synced(id, owner, ['400', 'USD'], '2026-03-04T00:00:00.000Z'),
      synced(id, owner, ['300', 'USD'], '2026-03-03T00:00:00.000Z'),
    ]);
    expect(await amounts(owner)).toBe('4.00');
    // A source that stops saying so has no balance any more.
    await world.append([synced(id, owner, [null, null], '2026-03-05T00:00:00.000Z')]);
    expect((await outsideOf(owner)).outside).toEqual([]);
  });

  test('say when the balance stood, however lately it was told', async () => {
    const owner = newId<UserId>();
    const old = '2024-03-01T00:00:00.000Z';
    await world.append([synced(newId<PaymentMethodId>(), owner, ['100', 'USD'], SEEN, old)]);
    expect((await outsideOf(owner)).outside).toMatchObject([{ seenAt: old }]);
  });

  test('end when they are disconnected, whatever they say after it', async () => {
    const owner = newId<UserId>();
    const [first, second] = [newId<PaymentMethodId>(), newId<PaymentMethodId>()];
    await world.append([synced(first, owner, ['100', 'USD']), disconnected(first, owner), disconnected(first, owner)]);
    await world.append([disconnected(second, owner)]);
    await world.append([
      synced(first, owner, ['100', 'USD'], '2026-04-01T00:00:00.000Z'),
      synced(second, owner, ['100', 'USD'], '2026-04-01T00:00:00.000Z'),
    ]);
    expect(await outsideOf(owner)).toMatchObject({ outside: [], outsideTotal: { amount: '0.00' } });
  });

  test('are back when they are linked again, in one batch or several', async () => {
    const owner = newId<UserId>();
    const [first, second] = [newId<PaymentMethodId>(), newId<PaymentMethodId>()];
    const day = (n: number) => `2026-03-0${n}T00:00:00.000Z`;
    await world.append([
      connected(first, owner, day(1)),
      synced(first, owner, ['100', 'USD'], day(1)),
      disconnected(first, owner, day(2)),
      connected(first, owner, day(3)),
      synced(first, owner, ['300', 'USD'], day(3)),
      connected(second, owner, day(1)),
      synced(second, owner, ['50', 'USD'], day(1)),
    ]);
    expect(await amounts(owner)).toBe('3.50');
    await world.append([disconnected(second, owner, day(4))]);
    expect(await amounts(owner)).toBe('3.00');
    await world.append([connected(second, owner, day(5)), synced(second, owner, ['60', 'USD'], day(5))]);
    expect(await amounts(owner)).toBe('3.60');
    await world.append([connected(second, owner, day(6)), disconnected(second, owner, day(6))]);
    expect(await amounts(owner)).toBe('3.00');
  });

  test('are linked or not as the newest moment says, whatever order it is heard in', async () => {
    const owner = newId<UserId>();
    const id = newId<PaymentMethodId>();
    await world.append([connected(id, owner, '2026-03-03T00:00:00.000Z'), synced(id, owner, ['100', 'USD'])]);
    await world.append([disconnected(id, owner, '2026-03-02T00:00:00.000Z')]);
    expect(await amounts(owner)).toBe('1.00');
    await world.append([
      disconnected(id, owner, '2026-03-05T00:00:00.000Z'),
      connected(id, owner, '2026-03-04T00:00:00.000Z'),
    ]);
    expect(await amounts(owner)).toBe('0.00');
  });

  test('in something this bank does not know are left out', async () => {
    const owner = newId<UserId>();
    await world.append([synced(newId<PaymentMethodId>(), owner, ['100', 'XAU'])]);
    expect((await outsideOf(owner)).outside).toEqual([]);
  });
});

describe('a live portfolio', () => {
  test('shows new rates, and outside accounts that come, change and go, never more often than the pause allows', async () => {
    const owner = newId<UserId>();
    const account = eventAccount(owner, 'EUR');
    await world.append([accountOpened(account), entryPosted([{ account, amountMinor: 80_00n, lineType: 'DEPOSIT' }])]);
    const seen: { total: string; outside: string; position: number; atMs: number }[] = [];
    const stream = world.subscribe(
      'subscription { portfolioUpdated(currency: "USD") { total { amount } outsideTotal { amount } } }',
      { viewer: viewerFor(owner) },
    );
    const ended = (async () => {
      for await (const { result, position } of stream) {
        const { total, outsideTotal } = (result.data as { portfolioUpdated: Outside }).portfolioUpdated;
        seen.push({ total: total.amount, outside: outsideTotal.amount, position: position!, atMs: performance.now() });
      }
    })();
    const shows = (total: string, outside: string) =>
      until(`${total} and ${outside}`, () => seen.at(-1)?.total === total && seen.at(-1)?.outside === outside);

    await shows('100.00', '0.00');
    const id = newId<PaymentMethodId>();
    await world.append([synced(id, owner, ['100', 'USD'])], { unheard: true });
    await shows('100.00', '1.00');
    // Rates that this process has read just now are not what is shown after they changed.
    await outsideOf(owner);
    await recordRates('2026-03-10', { EUR: '0.5' });
    await shows('160.00', '1.00');
    for (let n = 1; n <= 30; n++) {
      await world.append(
        [synced(id, owner, [String(n), 'USD'], `2026-03-02T00:00:${String(n).padStart(2, '0')}.000Z`)],
        {
          unheard: true,
        },
      );
    }
    await shows('160.00', '0.30');
    await world.append([disconnected(id, owner)], { unheard: true });
    await shows('160.00', '0.00');
    expect(seen.length).toBeLessThan(30);
    seen.slice(1).forEach(({ atMs, position }, index) => {
      // A timer may be early by a millisecond against the other clock.
      expect(atMs - seen[index]!.atMs).toBeGreaterThan(PAUSE_MS - 10);
      expect(position).toBeGreaterThan(seen[index]!.position);
    });
    await stream.return!();
    await ended;
  });

  /** A day of rates as load-rates.ts records it. */
  async function recordRates(date: string, perUsd: Record<string, string>): Promise<void> {
    await addRateDays(world.admin, { [date]: perUsd });
    await world.admin
      .query(`INSERT INTO portfolio.rate_check AS c (source, checked_at, changes) VALUES ('test', now(), 1)
      ON CONFLICT (source) DO UPDATE SET changes = c.changes + 1`);
    const payload = { date, perUsd: { USD: '1', ...perUsd }, source: 'test' };
    await world.append([{ type: 'RatesRecorded', key: date, payload }], { unheard: true });
  }
});
