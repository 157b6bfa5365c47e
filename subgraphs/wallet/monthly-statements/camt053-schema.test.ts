import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LineType } from '../../../ledger/entry.ts';
import type { StatementLine } from '../../../ledger/statement.ts';
import { newId, type AccountId, type PostingId } from '../../../platform/ids.ts';
import { CURRENCIES, isAsset } from '../../../platform/money.ts';
import { faultsOf } from '../../../tests/iso20022.ts';
import type { MonthlyStatementParent } from './find-statement.ts';
import { renderCamt053, requireCamt053 } from './render-camt053.ts';

/* Whatever stands on an account, its statement is valid by the schema of camt.053, or is not to be had. */

interface Told {
  amountMinor: bigint;
  lineType?: LineType;
  description?: string | null;
  counterparty?: string | null;
}

interface Of {
  currency?: string;
  openingMinor?: bigint;
  name?: string;
  preliminary?: boolean;
}

const FROM = new Date('2024-02-01T00:00:00.000Z');
const TO = new Date('2024-03-01T00:00:00.000Z');

function linesOf(told: readonly Told[], currency: string, openingMinor: bigint): StatementLine[] {
  let balanceAfterMinor = openingMinor;
  return told.map(({ amountMinor, lineType = 'DEPOSIT', description = null, counterparty = null }, index) => {
    balanceAfterMinor += amountMinor;
    const [id, accountId] = [newId<PostingId>(), newId<AccountId>()];
    const at = new Date(FROM.getTime() + index);
    const amounts = { amountMinor, balanceAfterMinor, version: index + 1 };
    return { id, accountId, currency, ...amounts, lineType, counterparty, description, transferId: null, at };
  });
}

function statementOf(told: readonly Told[], { currency = 'EUR', openingMinor = 0n, preliminary = false }: Of) {
  const sum = (sign: bigint) =>
    told.reduce((all, { amountMinor }) => (amountMinor * sign > 0n ? all + amountMinor : all), 0n);
  // What a statement reads of an account is its id and its currency.
  const account = { id: newId<AccountId>(), currency } as MonthlyStatementParent['account'];
  const [inMinor, outMinor] = [sum(1n), sum(-1n)];
  return {
    account,
    month: '2024-02',
    from: FROM,
    to: TO,
    preliminary,
    told: preliminary ? new Date(TO.getTime() - 1) : TO,
    openingMinor,
    closingMinor: openingMinor + inMinor + outMinor,
    inMinor,
    outMinor,
    lineCount: told.length,
    span: { accountId: account.id, after: 0, upTo: told.length },
  };
}

async function render(told: readonly Told[], of: Of = {}): Promise<string> {
  const { currency = 'EUR', openingMinor = 0n, name = 'Everyday' } = of;
  const statement = statementOf(told, of);
  requireCamt053(statement);
  const lines = linesOf(told, currency, openingMinor);
  async function* pages() {
    for (let at = 0; at < lines.length; at += 500) yield await Promise.resolve(lines.slice(at, at + 500));
  }
  return renderCamt053(statement, name, pages());
}

const MOST = 10n ** 18n - 1n;
/** All of them: a Record forgets none. */
const LINE_TYPES = Object.keys({
  DEPOSIT: 0, WITHDRAWAL: 0, TRANSFER_IN: 0, TRANSFER_OUT: 0, EXCHANGE: 0, FEE: 0, REVERSAL: 0, INTEREST: 0,
} satisfies Record<LineType, 0>) as LineType[]; // prettier-ignore
const EVERY_TYPE: Told[] = LINE_TYPES.flatMap((lineType) => [
  { lineType, amountMinor: 2n, counterparty: 'Ada' },
  { lineType, amountMinor: -1n },
]);

describe('a statement as CAMT.053 is valid', () => {
  test('in every currency that states issue', async () => {
    const currencies = [...CURRENCIES.keys()].filter((code) => !isAsset(code));
    expect(currencies).toEqual(expect.arrayContaining(['EUR', 'JPY', 'KWD', 'NGN', 'KES']));
    const texts = await Promise.all(currencies.map((currency) => render(EVERY_TYPE, { currency })));
    expect(await faultsOf(...texts)).toEqual([]);
  });

  test('of a month without lines, under way or over, on either side of zero', async () => {
    const cases = [0n, 1n, -1n, MOST, -MOST].flatMap((openingMinor) =>
      [true, false].map((preliminary) => render([], { openingMinor, preliminary })),
    );
    expect(await faultsOf(...(await Promise.all(cases)))).toEqual([]);
  });

  test('with the largest sums and the smallest', async () => {
    const texts: string[] = [];
    for (const currency of ['JPY', 'EUR', 'KWD']) {
      const told = [{ amountMinor: MOST }, { amountMinor: -MOST + 1n }];
      // What came and what went make a sum of their own, and it is beyond 18 digits.
      await expect(render(told, { currency })).rejects.toThrow('CAMT.053 has no place for such amounts');
      texts.push(await render([{ amountMinor: MOST }], { currency }));
      texts.push(await render([{ amountMinor: -MOST }], { currency, openingMinor: MOST }));
    }
    expect(await faultsOf(...texts)).toEqual([]);
  });

  test('whatever people have written', async () => {
    const written = fc.string({ unit: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\u0000', '\uD800', '\r', ']]>', '&', '<', '"', '\uFFFF', '😀', '\u202E')), maxLength: 200 }); // prettier-ignore
    const line: fc.Arbitrary<Told> = fc.record({
      amountMinor: fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }).filter((amount) => amount !== 0n),
      lineType: fc.constantFrom(...LINE_TYPES),
      description: fc.option(written),
      counterparty: fc.option(written),
    });
    const month = fc.tuple(fc.array(line, { maxLength: 5 }), written, fc.boolean());
    await fc.assert(
      fc.asyncProperty(fc.array(month, { minLength: 50, maxLength: 50 }), async (months) => {
        const texts = months.map(([told, name, preliminary]) => render(told, { name, preliminary }));
        expect(await faultsOf(...(await Promise.all(texts)))).toEqual([]);
      }),
      { numRuns: 2 },
    );
  });

  test('with as many lines as a statement may have', async () => {
    const told = Array.from({ length: 10_000 }, (_, n) => ({
      ...EVERY_TYPE[n % EVERY_TYPE.length]!,
      description: 'x',
    }));
    expect(await faultsOf(await render(told))).toEqual([]);
  });

  test.each([...CURRENCIES.keys()].filter(isAsset))('and in %s there is none', async (currency) => {
    await expect(render([], { currency })).rejects.toThrow('CAMT.053 has no place for such amounts');
  });
});

test('two statements of a month under way that tell up to different seconds have different names', async () => {
  const statement = statementOf([], { preliminary: true });
  const idAt = async (told: Date) => {
    const none = (async function* (): AsyncGenerator<StatementLine[]> {})();
    return /<MsgId>([^<]*)</.exec(await renderCamt053({ ...statement, told }, 'x', none))![1]!;
  };
  const [first, second] = [await idAt(new Date(TO.getTime() - 2_000)), await idAt(new Date(TO.getTime() - 1_000))];
  expect(first).not.toBe(second);
  expect(first).toBe(await idAt(new Date(TO.getTime() - 2_000)));
  expect(Math.max(first.length, second.length)).toBeLessThanOrEqual(35);
});
