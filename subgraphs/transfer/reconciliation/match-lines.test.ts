import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { matchLines, type Item } from './match-lines.ts';

let ids = 0;
const item = (amountMinor: number, bookedOn = '2026-11-20', reference: string | null = null): Item => ({
  id: `i${++ids}`,
  amountMinor: BigInt(amountMinor),
  bookedOn,
  reference,
});

describe('lines and movements', () => {
  test('with the same key and sum are one match: 1:1, 1:n, n:1 and a payment with its return', () => {
    const cases = [
      [[item(-500, '2026-11-20', 'a')], [item(-500, '2026-11-19', 'a')]],
      [[item(-500, '2026-11-20', 'b')], [item(-300, '2026-11-20', 'b'), item(-200, '2026-11-20', 'b')]],
      [[item(-300, '2026-11-20', 'c'), item(-200, '2026-11-21', 'c')], [item(-500, '2026-11-20', 'c')]],
      [
        [item(-500, '2026-11-20', 'd'), item(500, '2026-11-25', 'd')],
        [item(-500, '2026-11-20', 'd'), item(500, '2026-11-25', 'd')],
      ],
    ] as const;
    for (const [lines, movements] of cases) {
      expect(matchLines(lines, movements, 3)).toEqual({
        matches: [{ rule: 'REFERENCE', lines: lines.map(({ id }) => id), movements: movements.map(({ id }) => id) }],
        mismatches: [],
        lines: [],
        movements: [],
      });
    }
  });

  test('with the same key and other sums are a mismatch, though another amount would fit', () => {
    const [line, movement, other] = [item(-501, '2026-11-20', 'a'), item(-500, '2026-11-20', 'a'), item(-501)];
    expect(matchLines([line], [movement, other], 3)).toEqual({
      matches: [],
      mismatches: [{ reference: 'a', lines: [line], movements: [movement] }],
      lines: [],
      movements: [other],
    });
  });

  test('without a key are matched by amount within some days, where there is no other candidate', () => {
    const [line, movement] = [item(700, '2026-11-20'), item(700, '2026-11-18', 'x')];
    expect(matchLines([line], [movement], 2).matches).toMatchObject([{ rule: 'AMOUNT' }]);
    expect(matchLines([line], [movement], 1)).toMatchObject({ matches: [], lines: [line], movements: [movement] });
    const twin = item(700, '2026-11-19');
    expect(matchLines([line, twin], [movement], 2).matches).toEqual([]);
    expect(matchLines([line], [movement, twin], 2).matches).toEqual([]);
  });

  test('of two different keys are never the same', () => {
    expect(matchLines([item(700, '2026-11-20', 'a')], [item(700, '2026-11-20', 'b')], 3).matches).toEqual([]);
  });

  test('are matched as the sum of a day, in both directions', () => {
    const [line, ...day] = [item(1_000, '2026-11-21'), item(600, '2026-11-20', 'a'), item(400, '2026-11-20', 'b')];
    const expected = { rule: 'DAY', lines: [line.id], movements: day.map(({ id }) => id) };
    expect(matchLines([line], day, 3).matches).toEqual([expected]);
    // What goes the other way on that day is not part of it.
    expect(matchLines([line], [...day, item(-50, '2026-11-20', 'c')], 3).matches).toEqual([expected]);
    // Nor is a day that is too far away; and of two days that fit, none is known to be the one.
    expect(matchLines([line], day, 0).matches).toEqual([]);
    const twin = [item(700, '2026-11-19', 'd'), item(300, '2026-11-19', 'e')];
    expect(matchLines([line], [...day, ...twin], 3).matches).toEqual([]);
    const lines = [item(-600, '2026-11-20'), item(-400, '2026-11-20')];
    expect(matchLines(lines, [item(-1_000, '2026-11-19', 'z')], 3).matches).toMatchObject([{ rule: 'DAY' }]);
  });

  test('never make more or less money: a match has equal sums, and everything is in one place', () => {
    const items = fc.array(
      fc.record({
        amountMinor: fc.integer({ min: -6, max: 6 }).filter((n) => n !== 0),
        day: fc.integer({ min: 10, max: 16 }),
        reference: fc.constantFrom(null, 'a', 'b', 'c'),
      }),
      { maxLength: 14 },
    );
    fc.assert(
      fc.property(items, items, fc.integer({ min: 0, max: 4 }), (theirs, ours, window) => {
        const make = (of: typeof theirs) =>
          of.map(({ amountMinor, day, reference }) => item(amountMinor, `2026-11-${day}`, reference));
        const [lines, movements] = [make(theirs), make(ours)];
        const result = matchLines(lines, movements, window);
        const amounts = new Map([...lines, ...movements].map(({ id, amountMinor }) => [id, amountMinor]));
        const sum = (of: readonly string[]) => of.reduce((total, id) => total + amounts.get(id)!, 0n);
        for (const match of result.matches) expect(sum(match.lines)).toBe(sum(match.movements));
        const seen = (side: 'lines' | 'movements') => [
          ...result.matches.flatMap((match) => match[side]),
          ...result.mismatches.flatMap((mismatch) => mismatch[side].map(({ id }) => id)),
          ...result[side].map(({ id }) => id),
        ];
        expect(seen('lines').sort()).toEqual(lines.map(({ id }) => id).sort());
        expect(seen('movements').sort()).toEqual(movements.map(({ id }) => id).sort());
      }),
    );
  });
});
