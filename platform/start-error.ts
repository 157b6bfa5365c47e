/** Why the bank (or a command of it) cannot start: one sentence for a person that says what to do. Shown without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** The code of a failed system call, for example "EACCES", else undefined. */
export function systemCode(error: unknown): string | undefined {
  // By shape and not by class: Node makes its errors in a realm of its own, which is not that of tests.
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
