import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startBankProcess, type BankProcess } from './bank-process.ts';

let folder: string;
let bank: BankProcess;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-demo-'));
  bank = await startBankProcess(folder);
});

afterAll(async () => {
  await bank.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs `npm run demo` as a person does and collects what it says. */
async function runDemo(...given: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const demo = spawn(process.execPath, ['--import', 'tsx', 'scripts/demo.ts', ...given], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  demo.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  demo.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const [code] = (await once(demo, 'close')) as [number | null];
  return { code, ...said };
}

interface Document {
  ok: boolean;
  claims: { claim: string; held: boolean }[];
  tables: Record<string, Record<string, string>[]>;
}

const real = (file: string) => path.join('..', 'shared', 'data', 'statements', file);

describe('npm run demo', () => {
  test('holds on its own samples, in plain text where nobody reads colours', async () => {
    const { code, stdout, stderr } = await runDemo('--url', bank.url);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/(\d+) of \1 claims held/);
    expect(stdout).not.toContain('\u001b[');
  });

  test('says all of it as one JSON document, with progress beside it', async () => {
    const { code, stdout, stderr } = await runDemo('--url', bank.url, '--json');
    const { ok, claims, tables } = JSON.parse(stdout) as Document;
    expect({ code, ok, lost: claims.filter(({ held }) => !held) }).toEqual({ code: 0, ok: true, lost: [] });
    expect(claims.length).toBeGreaterThan(20);
    expect(Object.keys(tables)).toEqual(expect.arrayContaining(['statement', 'portfolio', 'risk factors']));
    expect(stderr).toContain('20 transfers');
  });

  for (const file of ['ofx/checking.ofx', 'camt053/camt053.v4.xml']) {
    // Real files lie beside the checkout or not at all.
    const onRealFile = existsSync(real(file)) ? test : test.skip;
    onRealFile(`holds on the real statement ${file}`, async () => {
      const { code, stdout, stderr } = await runDemo('--url', bank.url, '--statement', real(file));
      expect({ code, stderr, lost: stdout.match(/.*NOT .*/g) }).toEqual({ code: 0, stderr: '', lost: null });
    });
  }

  test('fails with the reason when a statement is refused', async () => {
    const broken = path.join(folder, 'broken.ofx');
    writeFileSync(broken, 'OFXHEADER:100\n\n<OFX></OFX>\n');
    const { code, stdout, stderr } = await runDemo('--url', bank.url, '--statement', broken);
    expect(code).toBe(1);
    expect(stdout).toMatch(/NOT .*STATEMENT_EMPTY/);
    expect(stderr).toContain('did not hold');
  });

  test('says in one sentence that there is no bank, no such file, no such option', async () => {
    const answers = await Promise.all([
      runDemo('--url', 'http://127.0.0.1:9'),
      runDemo('--statement', path.join(folder, 'none.ofx')),
      runDemo('--colour'),
    ]);
    expect(answers.map(({ code }) => code)).toEqual([1, 1, 1]);
    expect(answers.map(({ stderr }) => stderr.trim().split('\n').length)).toEqual([1, 1, 1]);
    expect(answers[0].stderr).toContain('npm start');
    expect(answers[1].stderr).toContain('none.ofx');
    expect(answers[2].stderr).toContain('--help');
  });
});
