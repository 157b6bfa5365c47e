import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { OWNERS } from '../bank/owners.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { missingMigration } from './migration-diff.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

describe('the migrations', () => {
  test.each(OWNERS.filter((owner) => existsSync(`prisma/${owner}/schema.prisma`)))(
    'of %s lead to exactly its schema.prisma',
    async (owner) => {
      expect(await missingMigration(owner, database.adminUrl)).toBe('');
    },
  );

  test('that lack a column are found', async () => {
    const admin = new pg.Client({ connectionString: database.adminUrl });
    await admin.connect();
    await admin.query('ALTER TABLE wallet.account RENAME COLUMN name TO nickname');
    await admin.end();
    expect(await missingMigration('wallet', database.adminUrl)).toContain('"name"');
  });
});
