import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../tests/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describe('a prepared database', () => {
  test('lets every role in with its own password and into its own schema', async () => {
    const { rows } = await database
      .pool('dwaybank_wallet')
      .query('SELECT current_user AS role, current_schema AS schema');
    expect(rows).toEqual([{ role: 'dwaybank_wallet', schema: 'wallet' }]);
  });
});
