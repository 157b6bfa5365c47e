import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { validateXML } from 'xmllint-wasm';

/*
 * Messages of ISO 20022 against their schemas. Those of this repository are the parts that are written here; whoever has the whole
 * ones (camt.053.001.08.xsd and so on) in a folder points ISO20022_SCHEMAS to it, and they are taken instead.
 */

const NAMESPACE = /xmlns="urn:iso:std:iso:20022:tech:xsd:([a-z]{4}(?:\.\d{2,3}){3})"/;

/** What is wrong with messages of one kind; nothing when all are valid. */
export async function faultsOf(...texts: string[]): Promise<string[]> {
  const names = new Set(texts.map((text) => NAMESPACE.exec(text)?.[1]));
  const [name] = names;
  if (name === undefined || names.size > 1) return ['these are no messages of ISO 20022, or several kinds of them'];
  const xml = texts.map((contents, index) => ({ fileName: `message-${index}.xml`, contents }));
  const { errors } = await validateXML({ xml, schema: [readFileSync(schemaOf(name), 'utf8')], maxMemoryPages: 4096 });
  return errors.map(({ message }) => message);
}

function schemaOf(name: string): string {
  const folder = process.env['ISO20022_SCHEMAS'];
  const whole = folder && path.join(folder, `${name}.xsd`);
  return whole && existsSync(whole) ? whole : `tests/samples/iso20022/${name}-subset.xsd`;
}
