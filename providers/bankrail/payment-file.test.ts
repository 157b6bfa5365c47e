import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { validateXML } from 'xmllint-wasm';
import { idTime, newId, type TransferId } from '../../platform/ids.ts';
import { CURRENCIES, formatAmount, isAsset } from '../../platform/money.ts';
import { readXml } from '../../platform/read-xml.ts';
import { find, textAt } from '../../platform/xml-element.ts';
import { ibanEnding } from '../../tests/ibans.ts';
import type { PayoutRequest } from '../payout-provider.ts';
import { readPaymentFile, RefusedFileError } from '../simulators/bankrail/payment-file.ts';
import { paymentFileName, renderPaymentFile } from './payment-file.ts';
import { isSepa, toSepaText } from './sepa.ts';

const DEBTOR = { name: 'DwayBank', iban: 'DE02120300000000202051' };
const SAMPLES = '../shared/data/statements/pain001';
const SCHEMA = `${SAMPLES}/pain.001.001.09.xsd`;
const withSamples = existsSync(SCHEMA) ? test : test.skip;

function request(more: Partial<PayoutRequest> & { holder?: string; iban?: string } = {}): PayoutRequest {
  const transferId = newId<TransferId>();
  const destination = { kind: 'IBAN' as const, iban: more.iban ?? ibanEnding('5678'), holder: more.holder ?? 'Ada' };
  const key = transferId.replaceAll('-', '');
  return { key, transferId, amountMinor: 12_345n, currency: 'EUR', destination, description: 'Rent', ...more };
}

const CASES: [string, PayoutRequest][] = [
  ['euros', request()],
  ['yen abroad', request({ currency: 'JPY', iban: 'SA0380000000608010167519' })],
  ['dinars', request({ currency: 'KWD', amountMinor: 1n })],
  ['the largest amount', request({ amountMinor: 10n ** 18n - 1n })],
  ['hostile texts', request({ holder: '<Nm>&"Ødegård"]]>', description: '</Ustrd><x>&entity; 💸'.repeat(20) })],
  ['the smallest amount', request({ amountMinor: 1n })],
  ['a name in other letters', request({ holder: '大阪銀行', description: null })],
];

describe('a payment file', () => {
  withSamples.each(CASES)('of %s is valid by the schema of pain.001.001.09', async (_what, asked) => {
    const xml = { fileName: 'payment.xml', contents: renderPaymentFile(asked, DEBTOR) };
    const { valid, errors } = await validateXML({ xml: [xml], schema: [readFileSync(SCHEMA, 'utf8')] });
    expect(errors).toEqual([]);
    expect(valid).toBe(true);
  });

  withSamples('is valid whoever pays, and in every currency that states issue', async () => {
    const currencies = [...CURRENCIES.keys()].filter((code) => !isAsset(code));
    const nobody = { ...DEBTOR, name: '大阪銀行' };
    const texts = currencies.map((currency) => renderPaymentFile(request({ currency }), nobody));
    const xml = texts.map((contents, index) => ({ fileName: `${index}.xml`, contents }));
    const { errors } = await validateXML({ xml, schema: [readFileSync(SCHEMA, 'utf8')] });
    expect(errors).toEqual([]);
  });

  withSamples('is not valid by that schema when it is wrong, so that the proof proves something', async () => {
    const contents = renderPaymentFile(request(), DEBTOR).replace('<PmtMtd>TRF', '<PmtMtd>XXX');
    const { valid } = await validateXML({
      xml: [{ fileName: 'payment.xml', contents }],
      schema: [readFileSync(SCHEMA, 'utf8')],
    });
    expect(valid).toBe(false);
  });

  test.each(CASES)('of %s says what was asked', async (_what, asked) => {
    const { messageId, payments, fault } = await readPaymentFile(renderPaymentFile(asked, DEBTOR), DEBTOR.iban);
    const { key, amountMinor, currency, destination } = asked;
    expect({ messageId, fault }).toEqual({ messageId: key, fault: null });
    const { iban } = destination as { iban: string };
    expect(payments).toMatchObject([{ endToEndId: key, instructionId: key, amountMinor, currency, iban }]);
    expect(payments[0]!.name).toMatch(/^[A-Za-z0-9/\-?:().,'+ ]{1,70}$/);
  });

  test('is the same, byte for byte, whenever it is rendered, and has one name', async () => {
    const asked = request();
    expect(renderPaymentFile(asked, DEBTOR)).toBe(renderPaymentFile({ ...asked }, { ...DEBTOR }));
    const header = find((await readXml(renderPaymentFile(asked, DEBTOR))).root, 'CstmrCdtTrfInitn', 'GrpHdr');
    expect(Date.parse(textAt(header, 'CreDtTm')!)).toBe(idTime(asked.transferId));
    expect(paymentFileName(asked.key)).toBe(`pain.001-${asked.key}.xml`);
  });

  test('says who bears the charges by where the money goes', async () => {
    const blockOf = async (asked: PayoutRequest) =>
      find((await readXml(renderPaymentFile(asked, DEBTOR))).root, 'CstmrCdtTrfInitn', 'PmtInf');
    const sepa = await blockOf(request());
    expect([textAt(sepa, 'ChrgBr'), textAt(sepa, 'PmtTpInf', 'SvcLvl', 'Cd')]).toEqual(['SLEV', 'SEPA']);
    const abroad = await blockOf(request({ currency: 'USD' }));
    expect([textAt(abroad, 'ChrgBr'), textAt(abroad, 'PmtTpInf', 'SvcLvl', 'Cd')]).toEqual(['SHAR', null]);
  });
});

describe('the simulated bank', () => {
  const text = renderPaymentFile(request({ amountMinor: 12_345n }), DEBTOR);

  test.each([
    ['another control sum', '<CtrlSum>123.45', '<CtrlSum>123.46', 'AM10'],
    ['another number of payments', '<NbOfTxs>1', '<NbOfTxs>2', 'AM18'],
    ['another debtor', DEBTOR.iban, 'DE89370400440532013000', 'AC02'],
  ])('rejects a file with %s', async (_what, from, to, fault) => {
    expect(await readPaymentFile(text.replaceAll(from, to), DEBTOR.iban)).toMatchObject({ fault });
  });

  test.each([
    ['is no XML', 'hello'],
    ['has a document type', text.replace('<Document', '<!DOCTYPE x [<!ENTITY a "b">]><Document')],
    ['is another message', text.replaceAll('pain.001.001.09', 'pain.001.001.03')],
    ['has an amount that is none', text.replace('EUR">123.45', 'EUR">1e3')],
    ['pays nothing', text.replace('EUR">123.45', 'EUR">0.00')],
  ])('does not take a file that %s', async (_what, given) => {
    await expect(readPaymentFile(given, DEBTOR.iban)).rejects.toThrow(RefusedFileError);
  });

  withSamples('finds the real sample to promise two payments and to have five', async () => {
    const sample = readFileSync(`${SAMPLES}/pain.001.001.09.xml`, 'utf8');
    const file = await readPaymentFile(sample, 'DE75512108001245126162');
    expect(file.payments.map(({ amountMinor }) => formatAmount(amountMinor, 'EUR'))).toEqual([
      '150.00',
      '300.00',
      '250.00',
      '175.00',
      '225.00',
    ]);
    expect(file.fault).toBe('AM18');
  });
});

test('texts are written in the letters that every bank takes', () => {
  expect(toSepaText('Bjørn Straße & Ñandú', 70)).toBe('Bjorn Strasse + Nandu');
  expect(toSepaText('  //a\nb\t/', 70)).toBe('a b');
  expect(toSepaText('💸', 70)).toBe('');
  expect(toSepaText('x'.repeat(200), 140)).toHaveLength(140);
  expect([isSepa('EUR', 'DE89…'), isSepa('USD', 'DE89…'), isSepa('EUR', 'US…')]).toEqual([true, false, false]);
});
