/** Why the bank (or a command of it) cannot start: one sentence for a person that says what to do. Shown without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** The code of a failed system call, for example "EACCES", else undefined. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
