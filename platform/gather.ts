/** How much is gathered. */
export interface GatherLimits {
  /** Calls under way at once: while one is answered the other is on its way. */
  callsAtOnce: number;
  /** Questions in one call. */
  mostInOne: number;
}

const LIMITS: GatherLimits = { callsAtOnce: 2, mostInOne: 256 };

interface Waiting<Question, Answer> {
  question: Question;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

/**
 * Makes one call out of the questions of many requests: under load, a round trip and a statement are what a small question mostly
 * costs. Questions leave at the end of the turn of the event loop in which they came, and wait only while as many calls as may be
 * are under way; so nobody waits for company, and the busier it is the more go together. Nothing is remembered: every question
 * is asked.
 *
 * `askAll` answers in the order of the questions. When it fails, all of its questions fail.
 */
export function gather<Question, Answer>(
  askAll: (questions: readonly Question[]) => Promise<readonly Answer[]>,
  overrides: Partial<GatherLimits> = {},
): (question: Question) => Promise<Answer> {
  const { callsAtOnce, mostInOne } = { ...LIMITS, ...overrides };
  const waiting: Waiting<Question, Answer>[] = [];
  let underWay = 0;
  let sendScheduled = false;

  function scheduleSend(): void {
    if (sendScheduled) return;
    sendScheduled = true;
    setImmediate(send);
  }

  function send(): void {
    sendScheduled = false;
    while (underWay < callsAtOnce && waiting.length > 0) {
      underWay++;
      void answer(waiting.splice(0, mostInOne)).then(() => {
        underWay--;
        if (waiting.length > 0) scheduleSend();
      });
    }
  }

  async function answer(batch: Waiting<Question, Answer>[]): Promise<void> {
    try {
      const answers = await askAll(batch.map(({ question }) => question));
      if (answers.length !== batch.length) throw new Error(`${batch.length} questions, ${answers.length} answers`);
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index]!);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return (question) =>
    new Promise((resolve, reject) => {
      waiting.push({ question, resolve, reject });
      scheduleSend();
    });
}
