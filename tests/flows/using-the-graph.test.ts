import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse, type OperationDefinitionNode } from 'graphql';
import { signWebhook } from '../../subgraphs/transfer/webhooks/signature.ts';
import { newId } from '../../platform/ids.ts';
import { staffMember } from '../customers-things.ts';
import { openWorld, type Person, type World } from '../world.ts';

/* Sends every example of docs/using-the-graph.md, in its order, and looks at what it promises. */

const PAGE = readFileSync('docs/using-the-graph.md', 'utf8');

interface Example {
  name: string;
  query: string;
  /** With the words in capitals that stand for what earlier answers gave. */
  variables: string;
}

const EXAMPLES: Example[] = [...PAGE.matchAll(/```graphql\n([\s\S]*?)```(?:\n\n```json\n([\s\S]*?)```)?/g)].map(
  ([, query = '', variables = '{}']) => {
    const [operation] = parse(query).definitions as OperationDefinitionNode[];
    return { name: operation!.name!.value, query, variables };
  },
);

let world: World;
let ada: Person;
let kofi: Person;
let lena: Person;
/** What stands for what. */
const known = new Map<string, string>();

beforeAll(async () => {
  world = await openWorld({ payouts: true });
  ada = await world.register('Ada');
  const friend = await world.register('Friend');
  [kofi, lena] = [await staffMember(world, 'ADMIN'), await staffMember(world, 'ADMIN')];
  const account = await world.openAccount(ada, 'EUR', '500.00');
  await world.openAccount(friend, 'EUR');
  const letter = newId();
  await world.admin.query(
    `SELECT transfer.record_dead_letter($1, NULL, 'EXAMPLE', 'PERMANENT', 'HIGH', 'For this test.', '{}')`,
    [letter],
  );
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
  const begun = { ACCOUNT: account, FRIEND: friend.email, LETTER: letter, MONTH: day(0).slice(0, 7), NOW: day(0) };
  for (const [word, value] of Object.entries(begun)) known.set(word, value);
  known.set('TOMORROW', day(1).slice(0, 10)).set('YESTERDAY', day(-1).slice(0, 10));
}, 120_000);
afterAll(() => world.close());

const WORD =
  /\b(ACCOUNT|FRIEND|LETTER|MONTH|NOW|TOMORROW|YESTERDAY|QUOTE|TRANSFER|ORDER|BATCH|POCKET|ENDPOINT)\b(?=[^A-Z_])/g;

/** Sends one, and gives what the field of its name answered. */
async function sendExample<Data>(name: string, as: Person): Promise<Data> {
  const example = EXAMPLES.find((each) => each.name === name)!;
  const variables = example.variables.replace(WORD, (word) => known.get(word) ?? word);
  const answer = await world.send(example.query, JSON.parse(variables) as Record<string, unknown>, { as });
  expect([name, answer.errors]).toEqual([name, undefined]);
  expect([name, refusalsIn(answer.data)]).toEqual([name, []]);
  return answer.data as Data;
}

/** All userErrors anywhere in an answer. */
function refusalsIn(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'userErrors' && Array.isArray(inner) ? (inner as unknown[]) : refusalsIn(inner),
  );
}

const BEGUN = ['KYC_VERIFICATION', 'COMPLIANCE_CHECK'].map((step) => expect.objectContaining({ step }) as unknown);

/** Each example: who sends it, and what its answer must hold. What is given back stands for a word from then on. */
const STEPS: [name: string, as: () => Person, expected: object, gives?: [word: string, path: string[]]][] = [
  [
    'Quote',
    () => ada,
    { quoteTransfer: { quote: { totalDebit: { amount: expect.stringMatching(/^40\.\d\d$/) as unknown } } } },
    ['QUOTE', ['quoteTransfer', 'quote', 'id']],
  ],
  ['PayOut', () => ada, { createTransfer: { replayed: false } }, ['TRANSFER', ['createTransfer', 'transfer', 'id']]],
  ['Follow', () => ada, { transfer: { timeline: expect.arrayContaining(BEGUN) as unknown } }],
  [
    'Standing',
    () => ada,
    { createStandingOrder: { standingOrder: { status: 'ACTIVE' } } },
    ['ORDER', ['createStandingOrder', 'standingOrder', 'id']],
  ],
  ['Occurrences', () => ada, { standingOrder: { status: 'ACTIVE', occurrences: { edges: [] } } }],
  ['Batch', () => ada, { createBatch: { replayed: false } }, ['BATCH', ['createBatch', 'batch', 'id']]],
  ['Verdicts', () => ada, { batch: { counts: { total: 2 } } }],
  ['Pocket', () => ada, { createPocket: {} }, ['POCKET', ['createPocket', 'pocket', 'id']]],
  ['SetAside', () => ada, { moveToPocket: { pocket: { balance: { amount: '25.00' } } } }],
  ['Month', () => ada, { account: { statement: { preliminary: true, opening: { amount: '0.00' } } } }],
  ['Listen', () => ada, { createWebhookEndpoint: {} }, ['ENDPOINT', ['createWebhookEndpoint', 'endpoint', 'id']]],
  ['Deliveries', () => ada, { me: { webhookEndpoints: [{ isActive: true }] } }],
  ['Replay', () => ada, { replayWebhooks: { count: expect.any(Number) as unknown } }],
  ['Look', () => kofi, { ledgerHealth: { findings: [] }, deadLetters: { edges: [{ node: { kind: 'EXAMPLE' } }] } }],
  ['Pause', () => kofi, { pauseOutgoing: { pauses: [{ provider: 'paystack' }] } }],
  ['Resume', () => kofi, { resumeOutgoing: { pauses: [] } }],
  ['Resolve', () => kofi, { resolveDeadLetter: { deadLetter: { state: 'AWAITING_APPROVAL' } } }],
  ['Resolve', () => lena, { resolveDeadLetter: { deadLetter: { state: 'RESOLVED' } } }],
  ['Import', () => kofi, { importSettlementReport: { reports: [{ currency: 'NGN', opened: 0 }] } }],
];

test('every example of the page can be sent, and answers what the page says', async () => {
  expect([...new Set(STEPS.map(([name]) => name))]).toEqual(EXAMPLES.map(({ name }) => name));
  for (const [name, as, expected, gives] of STEPS) {
    const data = await sendExample<object>(name, as());
    expect([name, data]).toMatchObject([name, expected]);
    if (gives)
      known.set(
        gives[0],
        gives[1].reduce((at, field) => (at as Record<string, unknown>)[field], data as unknown) as string,
      );
  }
}, 120_000);

test('the code that proves a webhook takes what the bank signs, and nothing else', async () => {
  const code = /```js\n([\s\S]*?)```/.exec(PAGE)![1]!;
  const folder = mkdtempSync(path.join(tmpdir(), 'dwaybank-webhook-'));
  try {
    const file = path.join(folder, 'is-from-bank.mjs');
    writeFileSync(file, code);
    const { isFromBank } = (await import(pathToFileURL(file).href)) as {
      isFromBank: (header: string, body: string, secret: string, nowMs?: number) => boolean;
    };
    const [secret, next, body, now] = ['whsec_one', 'whsec_two', '{"id":"é"}', new Date()];
    const header = signWebhook([secret], body, now);
    expect(isFromBank(header, body, secret)).toBe(true);
    // While a secret is being changed either will do.
    expect(isFromBank(signWebhook([next, secret], body, now), body, secret)).toBe(true);
    expect(isFromBank(header, `${body} `, secret)).toBe(false);
    expect(isFromBank(header, body, next)).toBe(false);
    expect(isFromBank(header, body, secret, now.getTime() + 301_000)).toBe(false);
    expect(isFromBank(header.replace('t=', 't=1'), body, secret)).toBe(false);
    for (const nonsense of ['', 't=1', 'v1=00', `t=${Math.floor(now.getTime() / 1000)},v1=zz`]) {
      expect(isFromBank(nonsense, body, secret)).toBe(false);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
