import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { placeHold } from '../../../tests/holds.ts';
import { releaseHold } from '../../../ledger/holds.ts';
import type { LineType } from '../../../ledger/entry.ts';
import { newId, type AccountId, type HoldId, type TransferId } from '../../../platform/ids.ts';
import { statementOf, type ShownStatement } from '../../../tests/monthly-statements.ts';
import { viewerFor } from '../../../tests/one-subgraph.ts';
import { readCsv } from '../../../tests/read-csv.ts';
import { startWalletWorld, type WalletWorld } from '../../../tests/wallet-world.ts';
import { readStatement } from '../statements/read-statement.ts';

/*
 * Whatever happens on an account, and however its lines fall on the months and their edges: each month's opening and lines make its
 * closing, which is the next month's opening, and three documents say the same.
 */

let world: WalletWorld;
beforeAll(async () => {
  world = await startWalletWorld();
});
afterAll(() => world.close());

type Step =
  | { kind: 'LINE'; amountMinor: bigint; lineType: LineType }
  | { kind: 'HOLD'; amountMinor: bigint }
  | { kind: 'RELEASE' };

const LINE_TYPES: readonly LineType[] = ['DEPOSIT', 'TRANSFER_IN', 'TRANSFER_OUT', 'FEE', 'REVERSAL', 'INTEREST', 'EXCHANGE']; // prettier-ignore
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('LINE' as const), amountMinor: fc.bigInt(-2_000n, 3_000n).filter((amount) => amount !== 0n), lineType: fc.constantFrom(...LINE_TYPES) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('HOLD' as const), amountMinor: fc.bigInt(1n, 500n) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'RELEASE' as const }) },
); // prettier-ignore

const START = Date.UTC(2026, 5, 10);
const MONTHS = ['2026-06', '2026-07', '2026-08', '2026-09', '2026-10'];
const EDGES = [7, 8, 9, 10].flatMap((month) => [Date.UTC(2026, month - 1, 1) - 1, Date.UTC(2026, month - 1, 1)]);
/** Moments within the months, of which many are the first or last of one. */
const moment = fc.oneof(fc.constantFrom(...EDGES), fc.integer({ min: START, max: Date.UTC(2026, 9, 31) }));

/** Does what it can of the steps, and says how many versions that made. */
async function live(accountId: AccountId, steps: readonly Step[]): Promise<number> {
  const ledger = world.database.pool('dwaybank_ledger');
  const holds: HoldId[] = [];
  let balance = 0n;
  let held = 0n;
  const heldBy = new Map<HoldId, bigint>();
  let versions = 0;
  for (const step of steps) {
    if (step.kind === 'LINE' && balance - held + step.amountMinor >= 0n) {
      await world.post({ accountId, amountMinor: step.amountMinor, lineType: step.lineType });
      balance += step.amountMinor;
      versions++;
    } else if (step.kind === 'HOLD' && balance - held >= step.amountMinor) {
      const id = newId<HoldId>();
      const amount = { amountMinor: step.amountMinor, currency: 'USD' };
      expect(await placeHold(ledger, { id, accountId, amount, transferId: newId<TransferId>() })).toMatchObject({ ok: true }); // prettier-ignore
      holds.push(id);
      heldBy.set(id, step.amountMinor);
      held += step.amountMinor;
      versions++;
    } else if (step.kind === 'RELEASE' && holds.length > 0) {
      const id = holds.shift()!;
      expect(await releaseHold(ledger, id)).toMatchObject({ ok: true });
      held -= heldBy.get(id)!;
      versions++;
    }
  }
  return versions;
}

const minor = (amount: string) => BigInt(amount.replace('.', ''));
const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);

async function check(statement: ShownStatement): Promise<void> {
  const opening = minor(statement.opening.amount);
  const closing = minor(statement.closing.amount);
  const shown = statement.lines.edges.map(({ node }) => minor(node.amount.amount));
  expect(opening + sum(shown)).toBe(closing);
  expect(minor(statement.totalIn.amount)).toBe(sum(shown.filter((amount) => amount > 0n)));
  expect(minor(statement.totalOut.amount)).toBe(sum(shown.filter((amount) => amount < 0n)));
  expect(statement.lineCount).toBe(shown.length);
  for (const { node } of statement.lines.edges) {
    expect(node.createdAt >= statement.from && node.createdAt < statement.to).toBe(true);
  }
  const json = JSON.parse(statement.asJson.text) as { opening: string; closing: string; lines: { amount: string }[] };
  expect([minor(json.opening), minor(json.closing)]).toEqual([opening, closing]);
  expect(json.lines.map(({ amount }) => minor(amount))).toEqual(shown);
  expect(readCsv(statement.asCsv.text).slice(1).map((row) => minor(row[2]!))).toEqual(shown); // prettier-ignore
  // The reader refuses what does not add up.
  const camt = await readStatement(statement.asCamt053!.text, new Date());
  expect(camt.balanceMinor).toBe(closing);
  expect(camt.lines.map(({ amountMinor }) => amountMinor)).toEqual(shown);
}

test('opening and lines make the closing of every month, which is the next opening, in three formats', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, moment), { minLength: 1, maxLength: 14 }), async (life) => {
      const viewer = viewerFor();
      const accountId = await world.open(viewer.userId);
      const versions = await live(accountId, life.map(([step]) => step)); // prettier-ignore
      const moments = life.map(([, moment]) => moment).sort((a, b) => a - b).slice(0, versions); // prettier-ignore
      await world.backdate(accountId, new Date(START), moments.map((moment) => new Date(moment))); // prettier-ignore
      let before = '0.00';
      let lines = 0;
      for (const month of MONTHS) {
        const statement = await statementOf(world, viewer, { accountId, month });
        expect(statement.opening.amount).toBe(before);
        await check(statement);
        before = statement.closing.amount;
        lines += statement.lineCount;
      }
      const { data } = await world.execute<{ account: { balance: { posted: { amount: string } } } }>(
        `{ account(id: "${accountId}") { balance { posted { amount } } } }`,
        { viewer },
      );
      expect(before).toBe(data.account.balance.posted.amount);
      expect(lines).toBeLessThanOrEqual(versions);
    }),
    { numRuns: 25 },
  );
});
