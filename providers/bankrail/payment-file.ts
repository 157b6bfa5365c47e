import { create } from 'xmlbuilder2';
import { idTime } from '../../platform/ids.ts';
import { formatAmount } from '../../platform/money.ts';
import type { PayoutRequest } from '../payout-provider.ts';
import { isSepa, toSepaText } from './sepa.ts';

export const PAYMENT_NAMESPACE = 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.09';

/** Of an amount in a payment file, without the dot. */
export const MAX_AMOUNT_DIGITS = 18;
const NAME_LENGTH = 70;
const TEXT_LENGTH = 140;

/** Who pays. */
export interface Debtor {
  name: string;
  iban: string;
}

/** The name under which a payout's file lies at the bank: the same payout is the same file. */
export function paymentFileName(key: string): string {
  return `pain.001-${key}.xml`;
}

/**
 * A payout as a customer credit transfer initiation (pain.001.001.09), one payment in one file. Our key is every one of its
 * names, by which reports and statements name it again. Nothing in it is of the moment: a payout gives the same file, byte for
 * byte, whenever it is asked again.
 */
export function renderPaymentFile(request: PayoutRequest, debtor: Debtor): string {
  const { key, transferId, amountMinor, currency, destination, description } = request;
  if (destination.kind !== 'IBAN') throw new Error(`the bank rail pays to IBANs, not to ${destination.kind}`);
  const made = new Date(idTime(transferId)).toISOString();
  const amount = formatAmount(amountMinor, currency);
  const sepa = isSepa(currency, destination.iban);
  const text = toSepaText(description ?? '', TEXT_LENGTH);
  const one = { NbOfTxs: '1', CtrlSum: amount };
  return create(
    { version: '1.0', encoding: 'UTF-8' },
    {
      Document: {
        '@xmlns': PAYMENT_NAMESPACE,
        CstmrCdtTrfInitn: {
          GrpHdr: { MsgId: key, CreDtTm: made, ...one, InitgPty: { Nm: nameOf(debtor.name) } },
          PmtInf: {
            PmtInfId: key,
            PmtMtd: 'TRF',
            ...one,
            ...(sepa && { PmtTpInf: { SvcLvl: { Cd: 'SEPA' } } }),
            // A day that has passed means: as soon as can be.
            ReqdExctnDt: { Dt: made.slice(0, 10) },
            Dbtr: { Nm: nameOf(debtor.name) },
            DbtrAcct: { Id: { IBAN: debtor.iban } },
            // The bank knows its own account; an IBAN needs no BIC beside it.
            DbtrAgt: { FinInstnId: { Othr: { Id: 'NOTPROVIDED' } } },
            ChrgBr: sepa ? 'SLEV' : 'SHAR',
            CdtTrfTxInf: {
              PmtId: { InstrId: key, EndToEndId: key },
              Amt: { InstdAmt: { '@Ccy': currency, '#': amount } },
              Cdtr: { Nm: nameOf(destination.holder) },
              CdtrAcct: { Id: { IBAN: destination.iban } },
              ...(text && { RmtInf: { Ustrd: text } }),
            },
          },
        },
      },
    },
  ).end({ prettyPrint: true });
}

/** A name in the letters that every bank takes, and never none: the standard has no empty texts. */
function nameOf(name: string): string {
  return toSepaText(name, NAME_LENGTH) || 'NOTPROVIDED';
}
