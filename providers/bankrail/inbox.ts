import { decodeXml, UnreadableXmlError } from '../../platform/read-xml.ts';
import type { Drop } from './drop.ts';
import { readReport } from './read-report.ts';
import { NOTHING_TOLD, tell, type Story } from './story.ts';

/** What the bank's files have told so far, in memory: the files stay at the bank and are read again by a new process. */
export interface Inbox {
  /** The story of a payout after everything that lies at the bank now. */
  storyOf(key: string, signal: AbortSignal): Promise<Story>;
  /** Files that could not be read; what they say is missing from every story. */
  readonly unreadable: ReadonlySet<string>;
}

/** One round of listing; a bank that always has more is asked again next time. */
const MAX_PAGES = 1_000;

/** Reads reports as they come, each once. Whoever asks while another reads waits, and reads on from there. */
export function createInbox(drop: Drop): Inbox {
  const stories = new Map<string, Story>();
  const unreadable = new Set<string>();
  let cursor: string | null = null;
  let reading: Promise<void> = Promise.resolve();

  const readOne = async (name: string, signal: AbortSignal) => {
    try {
      const bytes = await drop.get(name, signal);
      // Listed and gone again: the bank has taken it back.
      if (bytes === null) return;
      for (const fact of await readReport(decodeXml(bytes)))
        stories.set(fact.key, tell(stories.get(fact.key) ?? NOTHING_TOLD, fact));
    } catch (error) {
      if (!(error instanceof UnreadableXmlError)) throw error;
      // One bad file does not keep the others from being read.
      unreadable.add(name);
    }
  };
  const readOn = async (signal: AbortSignal) => {
    for (let page = 0; page < MAX_PAGES; page++) {
      const { files, more } = await drop.list(cursor, signal);
      for (const file of files) {
        await readOne(file.name, signal);
        // Only now: a file that could not be fetched is fetched again.
        cursor = file.cursor;
      }
      if (!more || files.length === 0) return;
    }
  };

  return {
    unreadable,
    async storyOf(key, signal) {
      const mine = reading.then(() => readOn(signal));
      reading = mine.catch(() => {});
      await mine;
      return stories.get(key) ?? NOTHING_TOLD;
    },
  };
}
