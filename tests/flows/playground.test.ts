import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chromium, type Browser, type Page } from 'playwright-core';
import { openWorld, type Person, type World } from '../world.ts';

/*
 * The playground in a real browser, with no way out of this machine: what it needs is in its page.
 */

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) =>
  existsSync(file),
);
const inBrowser = CHROMIUM ? describe : describe.skip;

let world: World;
let browser: Browser;
let ada: Person;

inBrowser(`the playground${CHROMIUM ? '' : ' (skipped: there is no chromium)'}`, () => {
  beforeAll(async () => {
    world = await openWorld();
    ada = await world.register('Ada');
    browser = await chromium.launch({
      executablePath: CHROMIUM!,
      args: ['--no-sandbox', '--disable-background-networking', '--disable-gpu'],
    });
  });

  afterAll(async () => {
    await browser?.close();
    await world?.close();
  });

  /** Opens the page with an operation already in the editor, as the page itself would restore it. */
  async function open(query: string, variables: object): Promise<{ page: Page; outside: string[] }> {
    const page = await browser.newPage();
    const outside: string[] = [];
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(world.urls[0]!))
        outside.push(request.url());
    });
    const stored = {
      'graphiql:query': query,
      'graphiql:variables': JSON.stringify(variables),
      'graphiql:headers': JSON.stringify({ authorization: `Bearer ${ada.accessToken}` }),
      'graphiql:shouldPersistHeaders': 'true',
    };
    await page.addInitScript((entries) => {
      for (const [key, value] of Object.entries(entries)) localStorage.setItem(key, value);
    }, stored);
    await page.goto(`${world.urls[0]!}/playground`);
    return { page, outside };
  }

  const run = (page: Page) => page.getByRole('button', { name: /execute query/i }).click();
  const result = (page: Page) => page.locator('.result-window');

  test('answers a query with the token of its headers tab, and asks nobody else for anything', async () => {
    const { page, outside } = await open('{ me { displayName } }', {});
    await run(page);
    await result(page).getByText('"Ada"').waitFor();
    expect(outside).toEqual([]);
    await page.close();
  });

  test('shows a live balance as it changes', async () => {
    const account = await world.openAccount(ada, 'USD');
    const { page } = await open(
      'subscription ($id: ID!) { balanceUpdated(accountId: $id) { kind balance { version posted { amount } } } }',
      { id: account },
    );
    await run(page);
    await result(page).getByText('"SNAPSHOT"').waitFor();
    await world.fund(account, '12.34');
    await result(page).getByText('"CHANGE"').waitFor();
    await result(page).getByText('"12.34"').waitFor();
    await page.close();
  });
});
