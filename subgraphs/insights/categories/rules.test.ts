import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { categoriseInside, categoriseOutside, CONFIDENCE } from './categorise.ts';
import { CATEGORIES } from './category.ts';
import { findWordRule, WORD_RULES } from './find-rule.ts';
import { findMcc, MCC_RANGES } from './mcc.ts';
import { payeeKey, wordsOf } from './normalise.ts';

const outside = (description: string, more: { code?: string; direction?: 'in' | 'out'; counterparty?: string } = {}) =>
  categoriseOutside({
    direction: more.direction ?? 'out',
    description,
    counterparty: more.counterparty ?? null,
    merchantCategory: more.code ?? null,
  });

describe('the table of rules', () => {
  test('has ranges of codes in order, without overlaps', () => {
    MCC_RANGES.forEach(({ from, to }, index) => {
      expect(from).toBeLessThanOrEqual(to);
      if (index > 0) expect(from).toBeGreaterThan(MCC_RANGES[index - 1]!.to);
    });
  });

  test('says nothing twice and nothing without words', () => {
    const seen = new Map<string, string>();
    for (const { words, direction, kind, category, name } of WORD_RULES) {
      expect(words.length).toBeGreaterThan(0);
      for (const way of direction ? [direction] : ['in', 'out']) {
        const key = `${way} ${words.join(' ')}`;
        expect([key, seen.get(key)]).toEqual([key, undefined]);
        seen.set(key, `${kind} ${name}: ${category}`);
      }
    }
  });

  test('every rule that may stand anywhere is found by its own words', () => {
    const lost = WORD_RULES.filter(
      ({ words, direction, category }) =>
        findWordRule(words.join(' '), direction ?? 'out', 'merchant')?.category !== category,
    );
    // A department says more than the shop it is in, so a brand with its name in it is found by the department.
    expect(lost.map(({ name }) => name)).toEqual([]);
  });

  test('reaches every category', () => {
    const types = ['DEPOSIT', 'WITHDRAWAL', 'EXCHANGE', 'FEE', 'REVERSAL', 'INTEREST', 'TRANSFER_OUT'];
    const inside = types.flatMap((lineType) =>
      (['in', 'out'] as const).map(
        (direction) => categoriseInside({ direction, lineType, betweenOwnAccounts: false, description: null }).category,
      ),
    );
    const words = WORD_RULES.map(({ category }) => category);
    const nothing = [outside('?').category, outside('?', { direction: 'in' }).category];
    expect([...new Set([...inside, ...words, ...nothing])].sort()).toEqual(Object.keys(CATEGORIES).sort());
  });
});

describe('a merchant’s text', () => {
  test.each([
    ["MCDONALD'S #112", 'Dining'],
    ['McDonald’s', 'Dining'],
    ['SQ *BLUE BOTTLE COFFEE', 'Dining'],
    ['TST* Pizzeria Da Mario', 'Dining'],
    ['PAYPAL *SPOTIFY P2A7B0', 'Entertainment'],
    ['AMZN Mktp US*2K3LJ8', 'Shopping'],
    ['GOOGLE *YouTube Premium', 'Entertainment'],
    ['CAFÉ MÜLLER', 'Dining'],
    ['Apothéke am Markt', 'Health'],
    ['SHELL OIL 5744', 'Car'],
    ['COSTCO WHSE #0123', 'Groceries'],
    ['COSTCO GAS #0123', 'Car'],
    ['WALMART PHARMACY 10-2222', 'Health'],
    ['UBER   *EATS', 'Dining'],
    ['UBER *TRIP', 'Transport'],
    ['76 - 4711', 'Car'],
    ['MTN NIGERIA AIRTIME', 'Utilities'],
    ['ECG PREPAID METER', 'Utilities'],
    ["CONNIE'S HAIR D", 'Personal care'],
    ["Joe's Bald Hairstyles", 'Personal care'],
    ['RETURNED CHECK FEE, CHECK # 319', 'Fees'],
    ['ATM WITHDRAWAL 00123', 'Cash'],
    ['ATM FEE', 'Fees'],
    ['TRANSFER TO LANDLORD RENT MAY', 'Housing'],
    ['STANDING ORDER', 'Transfers'],
    ['Miete Mai', 'Housing'],
    ['DAUERAUFTRAG', 'Transfers'],
  ])('%s is %s', (description, category) => {
    expect(outside(description).category).toBe(category);
  });

  test.each([
    ['ACME CORP PAYROLL', 'Salary'],
    ['WALMART PAYROLL 0042', 'Salary'],
    ['DIVIDEND EARNED FOR PERIOD OF 03', 'Dividends'],
    ['INTEREST PAID', 'Interest'],
    ['SSA TREAS 310 SOC SEC', 'Benefits'],
    ['TAX REFUND', 'Refunds'],
    ['AMAZON.COM', 'Refunds'],
    ['VENMO CASHOUT', 'Transfers'],
    ['COINBASE', 'Investments'],
    ['XYZZY', 'Other income'],
  ])('%s that comes in is %s', (description, category) => {
    expect(outside(description, { direction: 'in' }).category).toBe(category);
  });

  test('counts whole words only', () => {
    // bar, inn, cab, vet, pet, gas, tax
    for (const text of ['BARBADOS', 'INNOVATE', 'CABLEVISION', 'VETERAN', 'COMPETE', 'GASTON', 'SYNTAXES']) {
      expect([text, outside(text).rule]).toEqual([text, 'none']);
    }
  });

  test('is what its name says where the counterparty and the text differ', () => {
    expect(outside('CARD PAYMENT', { counterparty: 'Starbucks' })).toMatchObject({ rule: 'brand starbucks' });
    expect(outside('Starbucks', { counterparty: 'CARD PAYMENT' })).toMatchObject({ rule: 'brand starbucks' });
  });

  test('of the same rank goes by the longest, then by the first', () => {
    expect(findWordRule('apple books', 'out', 'merchant')?.name).toBe('apple books');
    expect(findWordRule('coffee and flowers', 'out', 'merchant')?.category).toBe('Dining');
    expect(findWordRule('flowers and coffee', 'out', 'merchant')?.category).toBe('Shopping');
  });
});

describe('a merchant’s code', () => {
  test('decides before the name, with more confidence when both say the same', () => {
    expect(outside('NETFLIX', { code: '5411' })).toMatchObject({
      category: 'Groceries',
      rule: 'mcc 5411',
      confidencePercent: CONFIDENCE.code,
    });
    expect(outside('TESCO', { code: '5411' })).toMatchObject({
      rule: 'mcc 5411 and brand tesco',
      confidencePercent: CONFIDENCE.agreed,
    });
  });

  test('that says little leaves it to a known brand', () => {
    expect(outside('AIRBNB', { code: '6513' })).toMatchObject({ category: 'Travel', rule: 'brand airbnb' });
    expect(outside('SOMEBODY', { code: '6513' })).toMatchObject({
      category: 'Housing',
      confidencePercent: CONFIDENCE.vagueCode,
    });
  });

  test.each(['', '0000', '54', '54111', '5411 ', 'abcd', '９９９９'])('"%s" is none', (code) => {
    expect(findMcc(code)).toBeNull();
    expect(outside('TESCO', { code })).toMatchObject({ rule: 'brand tesco' });
  });

  test.each([
    ['0742', 'Pets'],
    ['3005', 'Travel'],
    ['4899', 'Utilities'],
    ['5812', 'Dining'],
    ['9311', 'Government'],
  ])('%s is %s', (code, category) => {
    expect(findMcc(code)?.category).toBe(category);
  });
});

describe('whatever a text holds', () => {
  test('it has one category with a rule, and the same one again', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 400 }),
        fc.constantFrom('in' as const, 'out' as const),
        fc.option(fc.string({ maxLength: 6 }), { nil: undefined }),
        (text, direction, code) => {
          const found = outside(text, { direction, ...(code !== undefined && { code }) });
          expect(Object.keys(CATEGORIES)).toContain(found.category);
          expect(found.rule).not.toBe('');
          expect(found.confidencePercent).toBeGreaterThanOrEqual(0);
          expect(found.confidencePercent).toBeLessThanOrEqual(100);
          expect(outside(text, { direction, ...(code !== undefined && { code }) })).toEqual(found);
        },
      ),
    );
  });

  test('case, accents and punctuation around a brand do not matter', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(
          ...WORD_RULES.filter(
            ({ kind, anchor, name }) => kind === 'brand' && anchor === 'anywhere' && /^[a-z ]+$/.test(name),
          ),
        ),
        fc.constantFrom(...'#*-/.,:; '.split('')),
        ({ name, category }, mark) => {
          const written = `${mark}${name.toUpperCase().replaceAll(' ', ` ${mark} `)}${mark}0042`;
          expect([written, outside(written).category]).toEqual([written, outside(name).category]);
          expect(outside(name).category).toBe(category);
        },
      ),
    );
  });

  test('a text made to be slow is not', () => {
    const hostile = [
      'a'.repeat(1_000_000),
      'sq *'.repeat(250_000),
      ' '.repeat(1_000_000),
      '\u0301'.repeat(1_000_000),
      '\uFDFA'.repeat(100_000),
      `${'('.repeat(50_000)}x+x+${')+'.repeat(50_000)}y`,
      'united '.repeat(150_000),
      '0'.repeat(1_000_000),
    ];
    const before = performance.now();
    for (const text of hostile) {
      wordsOf(text);
      payeeKey(text);
      outside(text);
    }
    // A thousand times what it takes; a text looked at more than once per character would take minutes.
    expect(performance.now() - before).toBeLessThan(20_000);
  });
});
