import type { Category } from './category.ts';

/** Merchant category codes from one to another, both counted, and their category. */
interface MccRange {
  from: number;
  to: number;
  category: Category;
  /** The code says so little ("miscellaneous") that a known brand says more. */
  vague: boolean;
}

const range = (from: number, to: number, category: Category): MccRange => ({ from, to, category, vague: false });
const vague = (from: number, to: number, category: Category): MccRange => ({ from, to, category, vague: true });

/** ISO 18245 (and the card schemes' airlines, car rentals and hotels, 3000 to 3999), in order and without overlaps. */
export const MCC_RANGES: readonly MccRange[] = [
  range(742, 742, 'Pets'), // vets
  range(743, 763, 'Services'), // farming
  range(764, 780, 'Home'), // gardening
  range(1500, 1799, 'Home'), // contractors
  range(2700, 2899, 'Services'), // printing, cleaning
  range(3000, 3999, 'Travel'), // airlines, car rentals, hotels by name
  range(4000, 4118, 'Transport'), // trains, local transport
  range(4119, 4119, 'Health'), // ambulances
  range(4120, 4213, 'Transport'), // taxis, buses
  range(4214, 4225, 'Services'), // movers, couriers, storage
  range(4411, 4468, 'Travel'), // cruises, boats
  range(4511, 4582, 'Travel'), // airlines, airports
  range(4722, 4761, 'Travel'), // travel agencies
  range(4784, 4784, 'Car'), // tolls
  range(4789, 4789, 'Transport'),
  range(4812, 4821, 'Utilities'), // telephone, internet
  vague(4829, 4829, 'Transfers'), // wired money
  vague(4899, 4899, 'Utilities'), // television
  range(4900, 4900, 'Utilities'),
  range(5013, 5013, 'Car'), // parts
  range(5021, 5039, 'Home'), // office furniture, building material
  range(5040, 5046, 'Shopping'), // office and computer equipment
  range(5047, 5047, 'Health'), // medical equipment
  range(5048, 5071, 'Shopping'),
  range(5072, 5074, 'Home'), // hardware, plumbing
  range(5075, 5111, 'Shopping'),
  range(5112, 5122, 'Health'), // drugs
  range(5131, 5171, 'Shopping'),
  range(5172, 5172, 'Car'), // petroleum
  range(5192, 5192, 'Shopping'), // books
  range(5193, 5198, 'Home'), // nurseries, paint
  range(5199, 5199, 'Shopping'),
  range(5200, 5271, 'Home'), // home supply, hardware, garden
  range(5300, 5300, 'Groceries'), // wholesale clubs
  range(5309, 5399, 'Shopping'), // duty free, department and variety stores
  range(5411, 5499, 'Groceries'),
  range(5511, 5599, 'Car'), // dealers, parts, fuel, charging
  range(5611, 5699, 'Shopping'), // clothes, shoes
  range(5712, 5722, 'Home'), // furniture, appliances
  range(5732, 5733, 'Shopping'), // electronics, instruments
  range(5734, 5734, 'Software'),
  range(5735, 5735, 'Shopping'), // records
  range(5811, 5814, 'Dining'),
  range(5815, 5816, 'Entertainment'), // digital media, games
  vague(5817, 5818, 'Software'), // digital goods
  range(5832, 5832, 'Shopping'), // antiques
  range(5912, 5912, 'Health'), // pharmacies
  range(5921, 5921, 'Groceries'), // liquor
  range(5931, 5949, 'Shopping'), // second hand, sports, books, toys, hobbies
  range(5950, 5950, 'Home'), // glassware
  range(5960, 5960, 'Insurance'), // by direct marketing
  range(5961, 5961, 'Shopping'),
  range(5962, 5962, 'Travel'), // by direct marketing
  vague(5963, 5969, 'Shopping'), // direct marketing
  range(5970, 5973, 'Shopping'),
  range(5975, 5976, 'Health'), // hearing aids, prostheses
  range(5977, 5977, 'Personal care'), // cosmetics
  range(5978, 5978, 'Shopping'),
  range(5983, 5983, 'Utilities'), // heating fuel
  range(5992, 5994, 'Shopping'), // flowers, tobacco, newspapers
  range(5995, 5995, 'Pets'),
  range(5996, 5996, 'Home'), // pools
  range(5997, 5998, 'Shopping'),
  vague(5999, 5999, 'Shopping'),
  range(6010, 6011, 'Cash'),
  vague(6012, 6012, 'Loans'), // financial institutions: mostly debts repaid
  vague(6050, 6051, 'Transfers'), // money orders, foreign currency, crypto-assets
  range(6211, 6211, 'Investments'),
  range(6300, 6399, 'Insurance'),
  vague(6513, 6513, 'Housing'), // rentals, of holiday homes too
  vague(6529, 6540, 'Transfers'), // stored value
  range(6611, 6611, 'Government'), // overpayments
  range(6760, 6760, 'Investments'), // savings bonds
  range(7011, 7033, 'Travel'), // hotels, camps
  range(7210, 7221, 'Services'), // laundries, photographers
  range(7230, 7230, 'Personal care'), // hairdressers
  range(7251, 7261, 'Services'), // shoe repair, funerals
  range(7273, 7273, 'Personal care'), // dating
  range(7276, 7277, 'Services'),
  range(7278, 7278, 'Shopping'), // shopping clubs
  range(7296, 7296, 'Shopping'), // rented clothes
  range(7297, 7298, 'Personal care'), // massage, spas
  vague(7299, 7299, 'Services'),
  range(7311, 7339, 'Services'), // advertising, copying
  range(7342, 7349, 'Home'), // cleaning
  range(7361, 7361, 'Services'),
  range(7372, 7375, 'Software'),
  range(7379, 7395, 'Services'),
  vague(7399, 7399, 'Services'),
  range(7511, 7511, 'Car'), // truck stops
  range(7512, 7512, 'Travel'), // rented cars
  range(7513, 7513, 'Services'), // rented trucks
  range(7519, 7519, 'Travel'), // rented motor homes
  range(7523, 7549, 'Car'), // parking, repair, washing, towing
  range(7622, 7699, 'Services'), // repair
  range(7800, 7802, 'Gambling'),
  range(7829, 7933, 'Entertainment'), // films, theatres, bowling
  range(7941, 7941, 'Sport'),
  range(7991, 7991, 'Entertainment'), // attractions
  range(7992, 7992, 'Sport'), // golf
  range(7993, 7994, 'Entertainment'), // arcades
  range(7995, 7995, 'Gambling'),
  range(7996, 7996, 'Entertainment'), // amusement parks
  range(7997, 7997, 'Sport'), // membership clubs
  range(7998, 7998, 'Entertainment'), // aquariums
  vague(7999, 7999, 'Sport'), // recreation
  range(8011, 8099, 'Health'),
  range(8111, 8111, 'Services'), // lawyers
  range(8211, 8299, 'Education'),
  range(8351, 8351, 'Children'), // child care
  range(8398, 8398, 'Charity'),
  range(8641, 8641, 'Charity'), // civic associations
  range(8651, 8661, 'Charity'), // parties, churches
  range(8675, 8675, 'Car'), // automobile clubs
  vague(8699, 8699, 'Services'), // membership organisations
  range(8734, 8999, 'Services'), // laboratories, architects, accountants
  range(9211, 9399, 'Government'), // courts, fines, taxes
  range(9402, 9402, 'Services'), // post
  range(9405, 9405, 'Government'),
  range(9406, 9406, 'Gambling'), // state lotteries
  range(9411, 9411, 'Loans'), // state loans
  range(9700, 9702, 'Services'),
  range(9751, 9751, 'Groceries'),
  range(9752, 9752, 'Car'), // petrol stations
  range(9754, 9754, 'Gambling'),
  range(9950, 9950, 'Services'), // within one company
];

/** The range a four-digit code lies in; null for what is no code, or none that is known. */
export function findMcc(code: string | null): MccRange | null {
  if (code === null || !/^[0-9]{4}$/.test(code)) return null;
  const number = Number(code);
  return MCC_RANGES.find(({ from, to }) => number >= from && number <= to) ?? null;
}
