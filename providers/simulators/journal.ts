import { open, mkdir, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { StartError } from '../../platform/start-error.ts';

/**
 * Records that outlast their process: one line of JSON each, at the end of one file, forced to the disk before anybody is
 * told. What waits while the disk is busy is written together.
 */
export interface Journal<Entry> {
  /** Resolves when the record, and every one before it, is on the disk. */
  append(entry: Entry): Promise<void>;
  /** Resolves when everything appended so far is on the disk. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a journal and hands what is in it to `replay`, oldest first. A last line without its end was being written when the
 * process was killed: nobody was told of it, so it is cut off. Anything else that cannot be read is a damaged file.
 */
export async function openJournal<Entry>(file: string, replay: (entry: Entry) => void): Promise<Journal<Entry>> {
  await mkdir(path.dirname(file), { recursive: true });
  const handle = await open(file, 'a+', 0o600);
  try {
    const text = await handle.readFile('utf8');
    const end = text.lastIndexOf('\n') + 1;
    text
      .slice(0, end)
      .split('\n')
      .slice(0, -1)
      .forEach((line, index) => replay(parseLine(file, line, index + 1)));
    const size = Buffer.byteLength(text.slice(0, end));
    await handle.truncate(size);
    await handle.sync();
    await syncFolder(path.dirname(file));
    return writeTo(handle, file, size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function parseLine<Entry>(file: string, line: string, number: number): Entry {
  try {
    // Lines are written by this module alone; who replays them knows their type.
    return JSON.parse(line) as Entry;
  } catch (error) {
    throw new StartError(`Line ${number} of ${file} is damaged: put a good copy back, or remove the file.`, {
      cause: error,
    });
  }
}

/** A new file is there after a power cut only when its folder is on the disk too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

function writeTo<Entry>(handle: FileHandle, file: string, begin: number): Journal<Entry> {
  let size = begin;
  let waiting: string[] = [];
  // After a write that failed nobody knows what is in the file: then this chain stays rejected, and so does all that follows.
  let written: Promise<void> = Promise.resolve();

  const write = async () => {
    if (waiting.length === 0) return;
    const batch = Buffer.from(waiting.join(''));
    waiting = [];
    if ((await handle.stat()).size !== size) throw new Error(`another process writes to ${file}`);
    await handle.appendFile(batch);
    await handle.datasync();
    size += batch.length;
  };

  return {
    append(entry) {
      waiting.push(`${JSON.stringify(entry)}\n`);
      written = written.then(write);
      return written;
    },
    settled: () => written,
    async close() {
      await written.catch(() => {});
      await handle.close();
    },
  };
}
