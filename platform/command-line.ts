import { StartError } from './start-error.ts';

/** Prints a command's help when its arguments ask for it; true when they did, and there is nothing else to do. */
export function printHelp(help: string, given: readonly string[]): boolean {
  if (!given.some((argument) => argument === '--help' || argument === '-h')) return false;
  process.stdout.write(`${help.trimEnd()}\n`);
  return true;
}

/** For a command that takes no arguments: a forgotten or misspelt one must not start something else than was meant. */
export function refuseArguments(help: string, given: readonly string[]): void {
  if (given.length > 0) throw new StartError(`Unknown argument "${given[0]!}".\n\n${help.trimEnd()}`);
}
