/** Control characters, line and paragraph separators, lone surrogates, and what reverses the direction of the text after it. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u;

/** What a reader sees nothing of: blanks, joiners, fillers, direction marks. */
const INVISIBLE = /[\s\p{Default_Ignorable_Code_Point}]/gu;

/**
 * A short text that people read, such as a name: composed (NFC) and without outer blanks, possibly empty. Null when it has more
 * characters than allowed, one that cannot be shown, or none that can be seen.
 */
export function parseLabel(text: string, maxCharacters: number): string | null {
  const label = text.trim().normalize('NFC');
  // A name that looks like none would let its owner pass for nobody on another's statement.
  if (label !== '' && label.replace(INVISIBLE, '') === '') return null;
  // Characters are code points: one emoji may be several, none is counted twice for needing two UTF-16 units.
  return [...label].length <= maxCharacters && !UNPRINTABLE.test(label) ? label : null;
}
