import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { openJournal } from './journal.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'dwaybank-journal-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Opens a journal of numbers; says what was in it. */
async function open(name: string) {
  const read: number[] = [];
  const journal = await openJournal<number>(path.join(directory, name), (entry) => read.push(entry));
  return { journal, read };
}

test('gives back what was appended, in order, also when many append at once', async () => {
  const first = await open('many');
  const numbers = Array.from({ length: 500 }, (_, n) => n);
  await Promise.all(numbers.map((n) => first.journal.append(n)));
  await first.journal.close();
  const second = await open('many');
  expect(second.read).toEqual(numbers);
  await second.journal.append(500);
  await second.journal.close();
  expect((await open('many')).read).toEqual([...numbers, 500]);
});

test('cuts a torn last line off and goes on behind the last whole one', async () => {
  const file = path.join(directory, 'torn');
  // The tear may fall inside a character of several bytes.
  writeFileSync(file, Buffer.concat([Buffer.from('1\n2\n"gr'), Buffer.from([0xc3])]));
  const { journal, read } = await open('torn');
  expect(read).toEqual([1, 2]);
  await journal.append(3);
  await journal.close();
  expect(readFileSync(file, 'utf8')).toBe('1\n2\n3\n');
});

test('refuses a file that is damaged elsewhere, and leaves it as it is', async () => {
  const file = path.join(directory, 'damaged');
  writeFileSync(file, '1\nx\n3\n');
  await expect(open('damaged')).rejects.toMatchObject({
    name: 'StartError',
    message: expect.stringContaining('Line 2 of'),
  });
  expect(readFileSync(file, 'utf8')).toBe('1\nx\n3\n');
});

test('stops for good when another process writes to the same file', async () => {
  const { journal } = await open('shared');
  await journal.append(1);
  appendFileSync(path.join(directory, 'shared'), '9\n');
  await expect(journal.append(2)).rejects.toThrow('another process writes to');
  await expect(journal.append(3)).rejects.toThrow('another process writes to');
  await expect(journal.settled()).rejects.toThrow();
  await journal.close();
  expect(readFileSync(path.join(directory, 'shared'), 'utf8')).toBe('1\n9\n');
});

test('is nobody else’s to read', async () => {
  const { journal } = await open('private');
  await journal.close();
  expect(statSync(path.join(directory, 'private')).mode & 0o777).toBe(0o600);
});
