/**
 * A number of a JSON file as text without exponent: the shortest decimal that reads as the same number, which is the one that
 * stands in the file unless that has more than 15 digits. JavaScript writes it so between 1e-6 and 1e21; beyond, the point
 * is moved by hand. What is not finite comes out as "NaN" or "Infinity".
 */
export function plainDecimal(value: number): string {
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(String(value));
  if (!match) return String(value);
  const [, sign = '', first = '', rest = '', exponent] = match;
  const digits = first + rest;
  const shift = Number(exponent);
  return shift < 0 ? `${sign}0.${'0'.repeat(-shift - 1)}${digits}` : `${sign}${digits.padEnd(shift + 1, '0')}`;
}
