import { describe, expect, test } from '@jest/globals';
import { parseArguments } from './arguments.ts';

describe('the options of npm start', () => {
  test('are read', () => {
    expect(parseArguments([])).toEqual({ fresh: false, demo: true, help: false, port: null });
    expect(parseArguments(['--fresh', '--no-demo', '--port', '0', '--help'])).toEqual({
      fresh: true,
      demo: false,
      help: true,
      port: 0,
    });
    expect(parseArguments(['-p', '65535']).port).toBe(65_535);
  });

  test.each([
    [['--prot', '1'], "Unknown option '--prot': see `npm start -- --help`."],
    [['fresh'], 'Unknown argument "fresh": see `npm start -- --help`.'],
    [['--port', 'x'], '--port takes a number from 0 to 65535, not "x": see `npm start -- --help`.'],
    [['--port', '65536'], '--port takes a number from 0 to 65535, not "65536": see `npm start -- --help`.'],
    [['--port', ''], '--port takes a number from 0 to 65535, not "": see `npm start -- --help`.'],
    [['--port'], "Option '-p, --port <value>' argument missing: see `npm start -- --help`."],
    [['--fresh=yes'], "Option '--fresh' does not take an argument: see `npm start -- --help`."],
  ])('%j are refused in one sentence', (given, message) => {
    expect(() => parseArguments(given)).toThrow(expect.objectContaining({ name: 'StartError', message }));
  });
});
