import { afterEach, describe, expect, test } from '@jest/globals';
import { addDays, startOf } from '../../platform/days.ts';
import { newId, type UserId } from '../../platform/ids.ts';
import { createPackageRates } from '../../providers/rates/package-rates.ts';
import type { RateSheet, RateSource } from '../../providers/rates/rate-source.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import {
  accountOpened,
  entryPosted,
  eventAccount,
  openProjectionWorld,
  type ProjectionWorld,
} from '../../tests/projection-world.ts';
import { until } from '../../tests/until.ts';
import { isStale, type NewestRates } from './newest-rates.ts';
import { createPortfolioSubgraph } from './subgraph.ts';

let world: ProjectionWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

/** A bank that has just started on a day, with what is installed there. */
async function startOn(day: string, rateSources: readonly RateSource[]): Promise<ProjectionWorld> {
  world = await openProjectionWorld(
    'portfolio',
    (deps) => createPortfolioSubgraph({ ...deps, rateSources, recheckMs: 20, pauseMs: 20 }),
    { clock: { now: () => addDays(startOf(day), 0.5) } },
  );
  await world.subgraph.start?.();
  return world;
}

/** The content of a package under another date. */
async function dated(packageName: string, date: string): Promise<RateSheet> {
  return { ...(await createPackageRates(packageName).read()), date };
}

const source = (sheet: () => RateSheet): RateSource => ({ name: 'installed', read: () => Promise.resolve(sheet()) });

const FIELDS = 'stale ratesDate holdings { currency value { amount } }';

async function portfolioOf(owner: UserId) {
  const { data } = await world!.execute<{
    me: { portfolio: { stale: boolean; ratesDate: string | null; holdings: { value: { amount: string } | null }[] } };
  }>(`{ me { portfolio(currency: "USD") { ${FIELDS} } } }`, { viewer: viewerFor(owner) });
  return data.me.portfolio;
}

async function ownerOf(currency: string, amountMinor: bigint): Promise<UserId> {
  const owner = newId<UserId>();
  const account = eventAccount(owner, currency);
  await world!.append([accountOpened(account), entryPosted([{ account, amountMinor, lineType: 'DEPOSIT' }])]);
  return owner;
}

describe('a bank that starts on a corrupt day', () => {
  test('values with the day before and says that it is stale, until a good day is installed', async () => {
    const good = await dated('currency-api-2025-12-07', '2025-12-06');
    let installed = await dated('currency-api-2025-12-06', '2025-12-07');
    await startOn('2025-12-08', [{ name: 'day before', read: () => Promise.resolve(good) }, source(() => installed)]);
    const owner = await ownerOf('BTC', 100_000_000n);
    // One bitcoin at 0.000011188152 a dollar, and not at 38.87. The day itself is not too old: it is stale by the refusal.
    const bitcoin = [{ currency: 'BTC', value: { amount: '89380.27' } }];
    expect(await portfolioOf(owner)).toEqual({ stale: true, ratesDate: '2025-12-06', holdings: bitcoin });
    installed = await dated('currency-api-2025-12-07', '2025-12-08');
    await until('the good day', async () => !(await portfolioOf(owner)).stale);
    expect(await portfolioOf(owner)).toEqual({ stale: false, ratesDate: '2025-12-08', holdings: bitcoin });
  });
});

describe('rates', () => {
  test('of two days ago are not stale, of three they are', async () => {
    const sheet = await dated('currency-api-2025-12-07', '2025-12-07');
    await startOn('2025-12-09', [source(() => sheet)]);
    const owner = await ownerOf('EUR', 1n);
    expect(await portfolioOf(owner)).toMatchObject({ stale: false, ratesDate: '2025-12-07' });
    await world!.close();
    await startOn('2025-12-10', [source(() => sheet)]);
    expect(await portfolioOf(await ownerOf('EUR', 1n))).toMatchObject({ stale: true, ratesDate: '2025-12-07' });
  });

  const rates: NewestRates = {
    date: '2026-03-09',
    perUsd: { EUR: '0.8', NGN: '1500' },
    dates: { EUR: '2026-03-09', NGN: '2026-03-08' },
    refused: false,
    changes: 1,
  };

  test.each([
    ['new and whole', rates, ['EUR', 'USD'], false],
    ['of an older day for something held', rates, ['EUR', 'NGN'], true],
    ['unknown for something held', rates, ['KES'], true],
    ['refused since', { ...rates, refused: true }, [], true],
    ['not there at all', { ...rates, date: null, perUsd: {}, dates: {} }, [], true],
  ])('that are %s: stale is %j', (_, newest, held, stale) => {
    expect(isStale(newest, held, '2026-03-10')).toBe(stale);
  });
});
