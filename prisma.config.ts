import { defineConfig } from 'prisma/config';

// `prisma generate` looks for a schema-engine binary that it never runs, and would download it. Any file that is there
// satisfies it; migrations are run by bank/prepare-database.ts.
if (process.argv.includes('generate')) process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= process.execPath;

export default defineConfig({});
