import type { Book, PayoutRecord } from '../payouts/book.ts';
import { bookingOf, fieldsOf, renderStatement, renderStatusReport, type Booking, type Happening } from './reports.ts';

/** What the bank has put there, and what it was given. */
export interface Archive {
  /** The text of a file that was given or put there; null when there is none. */
  find(name: string): string | null;
  /** What the bank has put there after a place in the order, oldest first. */
  list(after: number, most: number): { files: { name: string; cursor: string }[]; more: boolean };
  /** A day's statement of one currency, made when it is asked for. */
  statement(day: string, currency: string): string;
  /** Notes a file that was given. */
  given(name: string, text: string): void;
  happened(body: string): void;
}

/** What the bank's account has in every currency before its first payment, in minor units. */
const OPENING_MINOR = 1_000_000_000_00n;
const DAY_MS = 86_400_000;

/** Everything in it follows from the book: it is made anew at every start. */
export function createArchive(book: Book, iban: string): Archive {
  const given = new Map<string, string>();
  const put: { name: string; text: string }[] = [];
  const names = new Map<string, string>();
  const bookings: Booking[] = [];
  for (const record of book.list()) given.set(fieldsOf(record).fileName, fieldsOf(record).file);

  const add = (name: string, text: string) => {
    put.push({ name, text });
    names.set(name, text);
  };
  const openingAt = (currency: string, at: number) =>
    bookings
      .filter(({ record, at: bookedAt }) => record.currency === currency && bookedAt < at)
      .reduce((sum, { amountMinor }) => sum + amountMinor, OPENING_MINOR);

  return {
    find: (name) => given.get(name) ?? names.get(name) ?? null,
    list(after, most) {
      const files = put
        .slice(after, after + most)
        .map(({ name }, index) => ({ name, cursor: String(after + index + 1) }));
      return { files, more: after + most < put.length };
    },
    statement(day, currency) {
      const from = Date.parse(`${day}T00:00:00Z`);
      const to = from + DAY_MS;
      const ofDay = bookings.filter(({ record, at }) => record.currency === currency && at >= from && at < to);
      const id = `STMT-${day}-${currency}`;
      return renderStatement({
        id,
        iban,
        currency,
        from,
        to,
        openingMinor: openingAt(currency, from),
        bookings: ofDay,
      });
    },
    given: (name, text) => void given.set(name, text),
    happened(body) {
      const happening = JSON.parse(body) as Happening;
      const number = put.length + 1;
      // A return is told by the statement alone, as at a bank.
      if (happening.record.status !== 'REVERSED') {
        add(`pain.002-${number}.xml`, renderStatusReport(`STS-${number}`, happening));
      }
      const booking = bookingOf(happening);
      if (!booking) return;
      const { currency } = booking.record;
      const openingMinor = bookings
        .filter(({ record }) => record.currency === currency)
        .reduce((sum, { amountMinor }) => sum + amountMinor, OPENING_MINOR);
      bookings.push(booking);
      const [id, from, to] = [`STMT-${put.length + 1}`, happening.at, happening.at];
      const statement = { id, iban, currency, from, to, openingMinor, bookings: [booking] };
      add(`camt.053-${put.length + 1}.xml`, renderStatement(statement));
    },
  };
}

/** What the book is to keep of a new status. */
export function happeningOf(record: PayoutRecord): { id: string; body: string } {
  const happening: Happening = { at: record.updatedAt, record };
  return { id: `${record.reference}.${record.status}`, body: JSON.stringify(happening) };
}
