import { groupBy } from '../../../platform/group-by.ts';

/*
 * Which lines of a provider's statement are which movements of our settlement account there. Pure; a line or movement is in one match at
 * most. What is sure goes first:
 *
 * 1. REFERENCE     everything under one key of ours, on both sides, with equal sums: 1:1, one line for several movements (1:n), several lines
 *                  for one (n:1). With other sums it is a mismatch, and stays so whatever else would fit. Lines that come to nothing
 *                  (taken and given back, because it failed there) need no movement.
 * 2. AMOUNT        one line and one movement of the same amount within some days, where neither has another candidate.
 * 3. DAY           one line that is the sum of all movements of a day in its direction, or one movement that is the sum of all lines of a
 *                  day: how providers settle in one payment. Only where exactly one day fits.
 */

/** One line of theirs or one movement of ours. */
export interface Item {
  id: string;
  /** Signed as on the statement: plus is ours with them, minus has left. */
  amountMinor: bigint;
  /** YYYY-MM-DD. */
  bookedOn: string;
  /** Our key, where it is known. */
  reference: string | null;
}

export interface Match {
  rule: 'REFERENCE' | 'AMOUNT' | 'DAY' | 'OPENING';
  /** Ids of lines and of movements. */
  lines: string[];
  movements: string[];
}

export interface Matching {
  matches: Match[];
  /** The same key with different sums. */
  mismatches: { reference: string; lines: Item[]; movements: Item[] }[];
  /** What fits nothing. */
  lines: Item[];
  movements: Item[];
}

/** Matches lines and movements of one provider in one currency. `windowDays` is how far apart the two sides may book the same. */
export function matchLines(lines: readonly Item[], movements: readonly Item[], windowDays: number): Matching {
  const byReference = matchReferences(lines, movements);
  const byAmount = matchAmounts(byReference.lines, byReference.movements, windowDays);
  const byDay = matchDays(byAmount.lines, byAmount.movements, windowDays);
  return {
    matches: [...byReference.matches, ...byAmount.matches, ...byDay.matches],
    mismatches: byReference.mismatches,
    lines: byDay.lines,
    movements: byDay.movements,
  };
}

type Step = Pick<Matching, 'matches' | 'lines' | 'movements'>;

function matchReferences(lines: readonly Item[], movements: readonly Item[]): Step & Pick<Matching, 'mismatches'> {
  const theirs = groupBy(lines, ({ reference }) => reference);
  const ours = groupBy(movements, ({ reference }) => reference);
  const matches: Match[] = [];
  const mismatches: Matching['mismatches'] = [];
  const taken = new Set<Item>();
  for (const [reference, mine] of ours) {
    const their = theirs.get(reference);
    if (reference === null || !their) continue;
    for (const item of [...mine, ...their]) taken.add(item);
    if (sum(mine) === sum(their)) matches.push({ rule: 'REFERENCE', lines: ids(their), movements: ids(mine) });
    else mismatches.push({ reference, lines: their, movements: mine });
  }
  for (const [reference, their] of theirs) {
    if (reference === null || ours.has(reference) || sum(their) !== 0n) continue;
    for (const item of their) taken.add(item);
    matches.push({ rule: 'REFERENCE', lines: ids(their), movements: [] });
  }
  const left = (items: readonly Item[]) => items.filter((item) => !taken.has(item));
  return { matches, mismatches, lines: left(lines), movements: left(movements) };
}

function matchAmounts(lines: readonly Item[], movements: readonly Item[], windowDays: number): Step {
  const fits = (a: Item, b: Item) =>
    a.amountMinor === b.amountMinor && daysBetween(a, b) <= windowDays && maybeSame(a, b);
  const byAmount = groupBy(movements, ({ amountMinor }) => amountMinor);
  const linesByAmount = groupBy(lines, ({ amountMinor }) => amountMinor);
  const matches: Match[] = [];
  const taken = new Set<Item>();
  for (const line of lines) {
    const [movement, ...others] = (byAmount.get(line.amountMinor) ?? []).filter((candidate) => fits(line, candidate));
    if (!movement || others.length > 0) continue;
    const rivals = linesByAmount.get(line.amountMinor)!.filter((candidate) => fits(candidate, movement));
    if (rivals.length > 1) continue;
    taken.add(line).add(movement);
    matches.push({ rule: 'AMOUNT', lines: [line.id], movements: [movement.id] });
  }
  const left = (items: readonly Item[]) => items.filter((item) => !taken.has(item));
  return { matches, lines: left(lines), movements: left(movements) };
}

/** Two different keys are never the same thing. */
function maybeSame(a: Item, b: Item): boolean {
  return a.reference === null || b.reference === null || a.reference === b.reference;
}

function matchDays(lines: readonly Item[], movements: readonly Item[], windowDays: number): Step {
  const matches: Match[] = [];
  const taken = new Set<Item>();
  const free = (items: readonly Item[]) => items.filter((item) => !taken.has(item));
  const collect = (one: Item, many: readonly Item[]): Item[] | null => {
    const near = many.filter(
      (item) => item.amountMinor > 0n === one.amountMinor > 0n && daysBetween(item, one) <= windowDays,
    );
    const days = [...groupBy(near, ({ bookedOn }) => bookedOn).values()].filter((day) => sum(day) === one.amountMinor);
    return days.length === 1 && days[0]!.length > 1 ? days[0]! : null;
  };
  const settle = (ones: readonly Item[], manies: readonly Item[], onesAreLines: boolean): void => {
    for (const one of ones) {
      // What names a key of ours is about that and not about a whole day.
      if (taken.has(one) || (onesAreLines && one.reference !== null)) continue;
      const day = collect(one, free(manies));
      if (!day) continue;
      for (const item of [one, ...day]) taken.add(item);
      const [their, mine] = onesAreLines ? [[one], day] : [day, [one]];
      matches.push({ rule: 'DAY', lines: ids(their), movements: ids(mine) });
    }
  };
  settle(lines, movements, true);
  settle(movements, lines, false);
  return { matches, lines: free(lines), movements: free(movements) };
}

function ids(items: readonly Item[]): string[] {
  return items.map(({ id }) => id);
}

function sum(items: readonly Item[]): bigint {
  return items.reduce((total, { amountMinor }) => total + amountMinor, 0n);
}

const DAY_MS = 86_400_000;

function daysBetween(a: Item, b: Item): number {
  return Math.abs(Date.parse(a.bookedOn) - Date.parse(b.bookedOn)) / DAY_MS;
}
