/**
 * The categories of statement lines: one small, stable set of names for what money was spent on and where it came from. Clients
 * see the names, so they are only ever added to.
 */
export const CATEGORIES = {
  // What money is spent on.
  Groceries: 'Food, drink and household goods to take home.',
  Dining: 'Restaurants, cafés, bars, delivered meals.',
  Transport: 'Public transport, trains, taxis, scooters.',
  Car: 'Fuel, charging, parking, tolls, parts, repair.',
  Travel: 'Flights, hotels, rented cars and holiday homes, travel agencies.',
  Shopping: 'Clothes, electronics, books, sporting goods, department stores, marketplaces.',
  Home: 'Furniture, appliances, hardware, garden, craftsmen.',
  Housing: 'Rent and mortgages.',
  Utilities: 'Electricity, heating, water, waste, telephone, internet, television.',
  Software: 'Apps, storage, online tools.',
  Entertainment: 'Streaming, music, news, games, cinemas, tickets, museums, parks.',
  Sport: 'Gyms, clubs, courses of movement.',
  Health: 'Doctors, dentists, pharmacies, opticians.',
  'Personal care': 'Hairdressers, spas, cosmetics.',
  Insurance: 'Premiums.',
  Education: 'Schools, universities, courses.',
  Children: 'Child care and toys.',
  Pets: 'Vets, food and supplies.',
  Services: 'Post and couriers, lawyers, advertising, laundries, repair, all other services.',
  Government: 'Taxes, fines, public fees.',
  Charity: 'Donations, churches.',
  Gambling: 'Betting, lotteries, casinos.',
  Cash: 'Taken from a machine or a counter.',
  Fees: 'What banks charge, interest owed included.',
  Loans: 'Repayments of loans and credit cards.',
  Investments: 'Securities, savings plans, crypto-assets.',
  // What comes in.
  Salary: 'Wages and pensions from work.',
  Benefits: 'Paid by the state.',
  Interest: 'Earned.',
  Dividends: 'Earned.',
  Refunds: 'A merchant gives money back.',
  'Other income': 'Came in, and nothing says for what.',
  // Both ways.
  Transfers: 'From and to people, and between own accounts.',
  Deposits: 'Own money brought in from outside.',
  Withdrawals: 'Own money taken outside.',
  Exchange: 'Between own currencies.',
  Reversals: 'Takes back an earlier line.',
  Other: 'Nothing says for what.',
} as const;

export type Category = keyof typeof CATEGORIES;

/**
 * Own money under way, neither spent nor earned. A deposit comes from the customer's own card or account outside: whatever was
 * earned was earned there, and counted here as income it would be counted twice, or be no income at all.
 */
export const OWN_MONEY: ReadonlySet<Category> = new Set<Category>(['Deposits', 'Withdrawals', 'Exchange']);

/** Why a line is in its category, and how sure that is. */
export interface Categorisation {
  category: Category;
  /** What decided, for example "mcc 5411", "brand starbucks", "word electric bill", "line FEE", "none". */
  rule: string;
  /** 0 to 100; see CONFIDENCE in categorise.ts. */
  confidencePercent: number;
}
