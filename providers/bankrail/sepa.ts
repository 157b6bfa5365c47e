/** Countries of the Single Euro Payments Area, by the first letters of their IBANs (European Payments Council, EPC409-09). */
const SEPA = new Set([
  'AD', 'AL', 'AT', 'BE', 'BG', 'CH', 'CY', 'CZ', 'DE', 'DK', 'EE', 'ES', 'FI', 'FR', 'GB', 'GI', 'GR', 'HR', 'HU', 'IE', 'IS',
  'IT', 'LI', 'LT', 'LU', 'LV', 'MC', 'MD', 'ME', 'MK', 'MT', 'NL', 'NO', 'PL', 'PT', 'RO', 'RS', 'SE', 'SI', 'SK', 'SM', 'VA',
]); // prettier-ignore

/** True for what goes as a SEPA credit transfer: euros to an account of the area. */
export function isSepa(currency: string, iban: string): boolean {
  return currency === 'EUR' && SEPA.has(iban.slice(0, 2));
}

/** Letters that fall apart into one of the set and an accent do so; these few do not. */
const WRITTEN_AS: Readonly<Record<string, string>> = {
  ß: 'ss', æ: 'ae', Æ: 'AE', œ: 'oe', Œ: 'OE', ø: 'o', Ø: 'O', ł: 'l', Ł: 'L', đ: 'd', Đ: 'D', þ: 'th', Þ: 'Th', ı: 'i',
  '“': "'", '”': "'", '„': "'", '‘': "'", '’': "'", '–': '-', '—': '-', '&': '+', '@': '(at)', _: '-',
}; // prettier-ignore

/**
 * A text in the characters that every bank takes (EPC217-08: Latin letters, digits, blanks and / - ? : ( ) . , ' +), cut to a
 * length. What has no such form becomes a blank; a text of nothing else is empty. It does not begin or end with a slash.
 */
export function toSepaText(text: string, length: number): string {
  const plain = [...text]
    .map((letter) => WRITTEN_AS[letter] ?? letter.normalize('NFKD').replace(/\p{M}/gu, ''))
    .join('')
    .replace(/[^A-Za-z0-9/\-?:().,'+ ]/g, ' ')
    .replace(/ +/g, ' ')
    .replace(/\/\/+/g, '/');
  return plain
    .trim()
    .slice(0, length)
    .replace(/^[/ ]+|[/ ]+$/g, '');
}
