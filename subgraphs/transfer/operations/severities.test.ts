import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { SEVERITIES } from './dead-letter-store.ts';

test('docs/on-call.md says what each severity decides', () => {
  const rows = readFileSync('docs/on-call.md', 'utf8').matchAll(/^\| ([A-Z]+) \| (yes|no) \| (yes|no) \|$/gm);
  const documented = [...rows].map(([, severity, tried, alarms]) => [
    severity,
    { triedByItself: tried === 'yes', alarms: alarms === 'yes' },
  ]);
  expect(Object.fromEntries(documented)).toEqual(SEVERITIES);
});
