/** A German IBAN with right check digits whose last digits are as wanted: simulators go by them (providers/README.md). */
export function ibanEnding(digits: string): string {
  const account = `37040044${digits.padStart(10, '0532013000')}`;
  // ISO 13616: the country and 00 behind it, letters as 10 to 35, and 98 less the remainder by 97.
  const check = 98n - (BigInt(`${account}131400`) % 97n);
  return `DE${String(check).padStart(2, '0')}${account}`;
}
