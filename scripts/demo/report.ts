import Table from 'cli-table3';
import pc from 'picocolors';

/** What the demo tells: progress as it goes, tables, and claims that held or did not. */
export interface Report {
  /** Begins a step. */
  step(title: string): void;
  /** Says something on the way. */
  tell(text: string): void;
  /** Notes a claim and whether it held. */
  claim(text: string, held: boolean, detail?: string): boolean;
  /** Shows rows under a head, and keeps them in the JSON document under `name`. */
  table(name: string, head: readonly string[], rows: readonly (readonly string[])[]): void;
  /** True while every claim has held. */
  readonly held: boolean;
  /** Prints the summary, or the JSON document. */
  end(): void;
}

interface Claim {
  claim: string;
  held: boolean;
  detail: string | null;
}

/** With `json`, stdout carries one document at the end and everything else goes to stderr. Colours only on a terminal. */
export function createReport({ json }: { json: boolean }): Report {
  const stream = json ? process.stderr : process.stdout;
  const colours = pc.createColors(stream.isTTY === true && !process.env['NO_COLOR']);
  const began = performance.now();
  const claims: Claim[] = [];
  const tables: Record<string, Record<string, string>[]> = {};
  let steps = 0;
  const line = (text = '') => stream.write(`${text}\n`);
  const seconds = () => ((performance.now() - began) / 1000).toFixed(1);
  const failures = () => claims.filter(({ held }) => !held).length;

  return {
    step(title) {
      steps += 1;
      line(`\n${colours.dim(`${seconds().padStart(5)} s`)}  ${colours.bold(`${steps}. ${title}`)}`);
    },
    tell: (text) => void line(`         ${text}`),
    claim(text, held, detail) {
      claims.push({ claim: text, held, detail: detail ?? null });
      const mark = held ? colours.green('ok  ') : colours.red('NOT ');
      line(`         ${mark} ${text}${detail === undefined ? '' : colours.dim(`  (${detail})`)}`);
      return held;
    },
    table(name, head, rows) {
      tables[name] = rows.map((row) => Object.fromEntries(head.map((column, index) => [column, row[index] ?? ''])));
      const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
      table.push(...rows.map((row) => [...row]));
      for (const text of table.toString().split('\n')) line(`         ${text}`);
    },
    get held() {
      return failures() === 0;
    },
    end() {
      const summary = `${claims.length - failures()} of ${claims.length} claims held in ${seconds()} s`;
      line(`\n${failures() === 0 ? colours.green(summary) : colours.red(summary)}`);
      if (json) {
        process.stdout.write(
          `${JSON.stringify({ ok: failures() === 0, seconds: Number(seconds()), claims, tables }, null, 2)}\n`,
        );
      }
    },
  };
}
