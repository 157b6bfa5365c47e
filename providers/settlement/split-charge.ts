import type { SettlementLine } from './settlement-report.ts';

/**
 * The lines of what moved for one payment, where the provider says how much of it was paid and how much it took for itself. Statements differ in
 * whether both move together or apart: what is neither is left whole, for a person. A payment that moves alone says that nothing was taken
 * with it, as long as nothing is taken at all.
 */
export function splitCharge(
  whole: SettlementLine,
  { amountMinor, chargeMinor }: { amountMinor: bigint; chargeMinor: bigint },
): SettlementLine[] {
  const size = whole.amountMinor < 0n ? -whole.amountMinor : whole.amountMinor;
  const signed = (minor: bigint) => (whole.amountMinor < 0n ? -minor : minor);
  const charge = (minor: bigint): SettlementLine => ({
    ...whole,
    id: `${whole.id}+charge`,
    kind: 'CHARGE',
    amountMinor: signed(minor),
  });
  if (chargeMinor === 0n) return size === amountMinor ? [whole, charge(0n)] : [whole];
  if (size === amountMinor + chargeMinor) return [{ ...whole, amountMinor: signed(amountMinor) }, charge(chargeMinor)];
  return size === chargeMinor && size !== amountMinor ? [{ ...whole, kind: 'CHARGE' }] : [whole];
}
