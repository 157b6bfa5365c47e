/** A mobile money account by its telephone number, and who runs it. */
export interface MobileAccount {
  country: 'KE' | 'GH' | 'UG' | 'CI' | 'SN';
  network: MobileNetwork;
  /** As it is dialled within the country: 0712345678. */
  national: string;
  /** Without the plus: 254712345678. */
  international: string;
}

export type MobileNetwork =
  'MPESA' | 'MTN' | 'TELECEL' | 'AIRTELTIGO' | 'AIRTEL' | 'ORANGE' | 'MOOV' | 'WAVE' | 'FREE' | 'EMONEY' | 'ANY';

interface Country {
  country: MobileAccount['country'];
  currency: string;
  callingCode: string;
  /** Ivorian and Senegalese numbers have no trunk prefix. */
  trunk: '0' | '';
  /** By every name that providers and people use. */
  networks: Readonly<Record<string, MobileNetwork>>;
  /** For a number that comes without a network. */
  usual(national: string): MobileNetwork | null;
}

/** Prefixes of the Ghanaian numbering plan (National Communications Authority). */
const GHANA_PREFIXES: readonly [RegExp, MobileNetwork][] = [
  [/^0(?:24|25|53|54|55|59)/, 'MTN'],
  [/^0(?:20|50)/, 'TELECEL'],
  [/^0(?:26|27|56|57)/, 'AIRTELTIGO'],
];

const COUNTRIES: readonly Country[] = [
  {
    country: 'KE',
    currency: 'KES',
    callingCode: '254',
    trunk: '0',
    networks: { MPS: 'MPESA', MPESA: 'MPESA', SAFARICOM: 'MPESA', AIRTEL: 'AIRTEL' },
    usual: () => 'MPESA',
  },
  {
    country: 'GH',
    currency: 'GHS',
    callingCode: '233',
    trunk: '0',
    networks: {
      MTN: 'MTN',
      VODAFONE: 'TELECEL',
      VOD: 'TELECEL',
      TELECEL: 'TELECEL',
      AIRTEL: 'AIRTELTIGO',
      TIGO: 'AIRTELTIGO',
      ATL: 'AIRTELTIGO',
      AIRTELTIGO: 'AIRTELTIGO',
    },
    usual: (national) => GHANA_PREFIXES.find(([prefix]) => prefix.test(national))?.[1] ?? null,
  },
  {
    country: 'UG',
    currency: 'UGX',
    callingCode: '256',
    trunk: '0',
    networks: { MPS: 'ANY', MTN: 'MTN', AIRTEL: 'AIRTEL' },
    usual: () => 'ANY',
  },
  {
    country: 'CI',
    currency: 'XOF',
    callingCode: '225',
    trunk: '',
    networks: { FMM: 'ANY', MTN: 'MTN', ORANGE: 'ORANGE', ORANGEMONEY: 'ORANGE', MOOV: 'MOOV', WAVE: 'WAVE' },
    usual: () => 'ANY',
  },
  {
    country: 'SN',
    currency: 'XOF',
    callingCode: '221',
    trunk: '',
    networks: {
      ORANGE: 'ORANGE',
      ORANGEMONEY: 'ORANGE',
      WAVE: 'WAVE',
      FREE: 'FREE',
      FREEMONEY: 'FREE',
      EMONEY: 'EMONEY',
    },
    // Several share the prefixes, and a wrong guess pays somebody else.
    usual: () => null,
  },
];

/** The account behind a number for a payout in a currency, or why there is none. */
export function readMobileAccount(
  { phone, network }: { phone: string; network: string | null },
  currency: string,
): MobileAccount | { code: string; message: string } {
  const country = COUNTRIES.find((each) => each.currency === currency && phone.startsWith(`+${each.callingCode}`));
  if (!country) return { code: 'invalid_account', message: `The number has no mobile money account in ${currency}.` };
  const national = country.trunk + phone.slice(country.callingCode.length + 1);
  const known = network === null ? country.usual(national) : country.networks[network.toUpperCase()];
  if (!known) {
    const names = Object.keys(country.networks).join(', ');
    return { code: 'invalid_network', message: `The network of the number has to be named: ${names}.` };
  }
  return { country: country.country, network: known, national, international: phone.slice(1) };
}
