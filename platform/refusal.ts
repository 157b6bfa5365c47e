/**
 * An expected "no": nothing was done, and the caller is told why by a stable code. Thrown before anything is written, so
 * that an open transaction rolls back. Every subgraph maps its own codes to messages in its refusals.ts.
 */
export class Refusal<Code extends string = string> extends Error {
  override readonly name = 'Refusal';
  readonly code: Code;
  /** Path into the input, for example ["amount", "amount"]. */
  readonly field: readonly string[] | undefined;
  /** What is wrong in this very case, in place of the code's own message; for example with the line of a file. */
  readonly explanation: string | undefined;

  constructor(code: Code, field?: readonly string[], explanation?: string) {
    super(explanation ?? code);
    this.code = code;
    this.field = field;
    this.explanation = explanation;
  }
}

/** What a code means to the caller: one entry for every code a subgraph can refuse with. */
export interface RefusalMeaning {
  /** For a person: what is wrong and what to do. */
  message: string;
  /** True when the same call with the same idempotency key may succeed later. */
  retryable: boolean;
}

/** The graph's UserError. */
export interface UserError {
  code: string;
  message: string;
  field: string[] | null;
  retryable: boolean;
}

/** The graph's UserError for one refusal. */
export function userError<Code extends string>(
  meanings: Record<Code, RefusalMeaning>,
  code: Code,
  field?: readonly string[],
  explanation?: string,
): UserError {
  const { message, retryable } = meanings[code];
  return { code, message: explanation ?? message, retryable, field: field ? [...field] : null };
}

/**
 * Runs one operation of a subgraph and turns its refusal into user errors; anything else keeps flying, because a bug is
 * not an answer.
 */
export async function answerRefusals<Answer, Code extends string>(
  meanings: Record<Code, RefusalMeaning>,
  operation: () => Promise<Answer>,
  refused: (userErrors: UserError[]) => Answer,
): Promise<Answer> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof Refusal && error.code in meanings) {
      // The `in` above is the check that this code belongs to this subgraph.
      return refused([userError(meanings, error.code as Code, error.field, error.explanation)]);
    }
    throw error;
  }
}
