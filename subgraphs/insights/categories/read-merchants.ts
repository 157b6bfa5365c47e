import type { KnownMerchant } from './measure-coverage.ts';

/** What is wrong with a file, for the person who gave it. */
export class MerchantsFileError extends Error {}

const NAME_COLUMN = 'merchant_name';
const CODE_COLUMN = 'mcc_code';

/** Merchants of a CSV file (RFC 4180) with the columns merchant_name and mcc_code. */
export function readMerchants(csv: string): KnownMerchant[] {
  const [header, ...records] = parseCsv(csv);
  const name = header?.indexOf(NAME_COLUMN) ?? -1;
  const code = header?.indexOf(CODE_COLUMN) ?? -1;
  if (name < 0 || code < 0) {
    throw new MerchantsFileError(`The first line has to name the columns ${NAME_COLUMN} and ${CODE_COLUMN}.`);
  }
  return records.map((record, index) => {
    if (record.length !== header!.length) {
      throw new MerchantsFileError(
        `Record ${index + 1} after the header has ${record.length} fields instead of ${header!.length}.`,
      );
    }
    // Spreadsheets drop leading zeros.
    return { name: record[name]!, code: record[code]!.padStart(4, '0') };
  });
}

/** Records of fields. Quoted fields may hold commas, line ends and doubled quotes; empty lines are left out. */
export function parseCsv(csv: string): string[][] {
  const text = csv.replace(/^\uFEFF/, '');
  const records: string[][] = [];
  let record: string[] = [];
  for (let at = 0; at < text.length;) {
    const field = text[at] === '"' ? readQuoted(text, at) : readPlain(text, at);
    record.push(field.value);
    at = field.end;
    if (text[at] === ',' && at + 1 < text.length) {
      at += 1;
      continue;
    }
    if (text[at] === ',') record.push('');
    at += text.startsWith('\r\n', at) ? 2 : 1;
    if (record.length > 1 || record[0] !== '') records.push(record);
    record = [];
  }
  return records;
}

interface Field {
  value: string;
  /** Where the separator after it stands. */
  end: number;
}

function readPlain(text: string, start: number): Field {
  let end = start;
  while (end < text.length && !',\r\n'.includes(text[end]!)) end += 1;
  return { value: text.slice(start, end), end };
}

function readQuoted(text: string, start: number): Field {
  let end = text.indexOf('"', start + 1);
  while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
  if (end < 0) throw new MerchantsFileError('A quoted field does not end.');
  const after = text[end + 1];
  if (after !== undefined && !',\r\n'.includes(after)) {
    throw new MerchantsFileError('After a quoted field there has to be a comma or the end of the line.');
  }
  return { value: text.slice(start + 1, end).replaceAll('""', '"'), end: end + 1 };
}
