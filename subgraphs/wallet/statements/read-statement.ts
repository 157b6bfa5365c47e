import { readXml, UnreadableXmlError, type XmlDocument } from '../../../platform/read-xml.ts';
import { Refusal } from '../../../platform/refusal.ts';
import { checkStatements } from './check-statement.ts';
import { CAMT053_NAMESPACE, readCamt053 } from './read-camt053.ts';
import { readOfx } from './read-ofx.ts';
import { readSgml } from './read-sgml.ts';
import { refuseStatement, type ReadStatement, type Statement, type StatementRefusal } from './statement.ts';
import { quote } from './values.ts';

/** In bytes of UTF-8: what fits into a request beside the operation, and parses in a fraction of a second. */
export const MAX_STATEMENT_BYTES = 768 * 1024;

const WHAT_IS_READ = 'OFX (1.x and 2.x) and ISO 20022 CAMT.053 are read';
/** Where the header of an OFX file has ended, if it is one. */
const HEADER_CHARACTERS = 4096;

/**
 * Reads a bank's own statement file, checks it and says what it tells. Refuses everything it is not sure of, with the line and the
 * reason, and what is dated far ahead of `now`; nothing is guessed and no amount passes through a floating-point number.
 */
export async function readStatement(file: string, now: Date): Promise<Statement> {
  const bytes = Buffer.byteLength(file);
  if (bytes > MAX_STATEMENT_BYTES) {
    const reason = `The file has ${bytes} bytes, at most ${MAX_STATEMENT_BYTES} are read.`;
    throw new Refusal<StatementRefusal>('STATEMENT_TOO_LARGE', ['statement'], reason);
  }
  // Some programs begin a text with a byte order mark.
  const text = file.replace(/^\uFEFF/, '');
  if (text.trim() === '') throw new Refusal<StatementRefusal>('STATEMENT_EMPTY', ['statement']);
  return checkStatements(await readAs(text), now);
}

/** The statements of a file, read as what it looks like. */
async function readAs(text: string): Promise<ReadStatement[]> {
  const begin = text.trimStart().slice(0, HEADER_CHARACTERS);
  if (!/^<\?(?:xml|OFX)\b/i.test(begin) && /^OFXHEADER\b|<OFX\s*>/i.test(begin)) {
    return readOfx(await readSgml(text));
  }
  if (!begin.startsWith('<')) {
    const firstLine = begin.split(/[\r\n]/, 1)[0]!;
    throw unknownFormat(1 + linesBefore(text), `${quote(firstLine)} begins no statement that is read here`);
  }
  const { root, namespace } = await readDocument(text);
  if (root.name === 'OFX') return readOfx(root);
  if (root.name === 'Document' && CAMT053_NAMESPACE.test(namespace)) return readCamt053(root);
  throw unknownFormat(root.line, `${quote(root.name)} of ${quote(namespace)} is no statement that is read here`);
}

async function readDocument(text: string): Promise<XmlDocument> {
  try {
    return await readXml(text);
  } catch (error) {
    if (error instanceof UnreadableXmlError) throw refuseStatement('STATEMENT_MALFORMED', error.line, error.message);
    throw error;
  }
}

function unknownFormat(line: number, reason: string): Refusal<StatementRefusal> {
  return refuseStatement('STATEMENT_UNKNOWN_FORMAT', line, `${reason}; ${WHAT_IS_READ}`);
}

/** Blank lines at the beginning. */
function linesBefore(text: string): number {
  return text.slice(0, text.length - text.trimStart().length).split(/\r\n|\r|\n/).length - 1;
}
