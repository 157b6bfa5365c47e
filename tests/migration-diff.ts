import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import pg from 'pg';

/**
 * Prisma's own comparison of a database with a schema.prisma, by the schema engine as WebAssembly: the usual engine is a binary
 * that would have to be downloaded.
 */

/** Postgres' type "char" (18) in the catalog, which the adapter does not know; and how it knows text. */
const CATALOG_CHAR = 18;
const TEXT = 25;

/** The adapter reads the catalog through this pool: columns of type "char" are passed off as text and remembered. */
class CatalogPool extends pg.Pool {
  readonly charColumns = new WeakMap<object, number[]>();

  // pg's overloads cannot be written here; the adapter only calls the promise form.
  override query = (async (...args: Parameters<pg.Pool['query']>) => {
    const result = await (super.query(...args) as unknown as Promise<pg.QueryResult>);
    const columns: number[] = [];
    result.fields.forEach((field, index) => {
      if (field.dataTypeID !== CATALOG_CHAR) return;
      columns.push(index);
      field.dataTypeID = TEXT;
    });
    this.charColumns.set(result.rows, columns);
    return result;
  }) as unknown as pg.Pool['query'];
}

async function connect(pool: CatalogPool, schema: string) {
  const adapter = await new PrismaPg(pool, { schema }).connect();
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query);
    for (const index of pool.charColumns.get(result.rows) ?? []) result.columnTypes[index] = ColumnTypeEnum.Character;
    return result;
  };
  return adapter;
}

/** Where the engine leaves the message of a panic before it traps; without it a panic is never told. */
const panics: { message: string; set_message(message: string): void } = {
  message: '',
  set_message(message) {
    panics.message = message;
  },
};
Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: panics });

interface SchemaEngine {
  diff(request: object): Promise<{ stdout?: string; exitCode: number }>;
  free(): void;
}

interface EngineGlue {
  SchemaEngine: { new: (options: object, log: () => void, factory: unknown) => Promise<SchemaEngine> };
  __wbg_set_wasm(exports: unknown): void;
}

async function loadEngine(): Promise<EngineGlue> {
  // The package declares no types for this entry.
  const glue = await (import('@prisma/schema-engine-wasm/schema_engine_bg') as Promise<
    EngineGlue & WebAssembly.ModuleImports
  >);
  const file = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = readFileSync(path.join(path.dirname(file), 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  return glue;
}

/** The glue code keeps its WebAssembly instance in a variable of its module: one instance serves all comparisons. */
const engineGlue = loadEngine();

/** The SQL that would bring the owner's tables in a database to its schema.prisma; empty when they agree. */
export async function missingMigration(owner: string, databaseUrl: string): Promise<string> {
  const file = path.resolve(`prisma/${owner}/schema.prisma`);
  const content = readFileSync(file, 'utf8');
  const pool = new CatalogPool({ connectionString: databaseUrl, max: 2, options: `-c search_path="${owner}"` });
  pool.on('error', () => {});
  const factory: SqlMigrationAwareDriverAdapterFactory = {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect: () => connect(pool, owner),
    connectToShadowDb: () => Promise.reject(new Error('no comparison here needs a shadow database')),
  };
  const { SchemaEngine } = await engineGlue;
  const options = { datamodels: [[file, content]] };
  const engine = await SchemaEngine.new(options, () => {}, bindMigrationAwareSqlAdapterFactory(factory));
  const schema = { files: [{ path: file, content }] };
  try {
    const { stdout, exitCode } = await engine.diff({
      from: { tag: 'schemaDatasource', ...schema, configDir: path.dirname(file) },
      to: { tag: 'schemaDatamodel', ...schema },
      script: true,
      exitCode: true,
      filters: { externalTables: [`${owner}._prisma_migrations`], externalEnums: [] },
      shadowDatabaseUrl: null,
    });
    return exitCode === 0 ? '' : (stdout ?? '').trim();
  } finally {
    engine.free();
    await pool.end();
  }
}
