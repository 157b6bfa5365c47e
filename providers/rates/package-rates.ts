import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { readCurrencyApi } from './currency-api.ts';
import type { RateSource } from './rate-source.ts';

const require = createRequire(import.meta.url);

/**
 * The rates inside an installed npm package of https://github.com/fawazahmed0/exchange-api (CC0): one version of the package
 * for each day. The files are read anew each time, so that a package which was updated beneath a running bank is noticed.
 */
export function createPackageRates(packageName: string): RateSource {
  return {
    name: packageName,
    read: () =>
      readCurrencyApi(packageName, async (file) => {
        const path = require.resolve(`${packageName}/v1/currencies/${file}`);
        return { text: await readFile(path, 'utf8'), from: path };
      }),
  };
}
