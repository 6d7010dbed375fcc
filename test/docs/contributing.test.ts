import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { testTokenStore } from '../../src/testing/index.js'
import { type Database, sqliteDriver } from '../../stores/sqlite-driver.js'
import { root } from '../examples/programs.js'
import { blocksOf, readPage } from '../support/markdown.js'
import { temporaryFolder } from '../support/temporary.js'

const text = readPage('CONTRIBUTING.md')
const codeIn = (language: string) => String(blocksOf(text).find(block => block.language === language)?.code)

const TENANT_REQUIRED = 'tenantRequired(tenant: string): unknown'

/** The sources with the guard of the page in the list, and with its method in these files. */
async function complaints(folder: string, methodsIn: readonly string[]): Promise<string[]> {
  await cp(join(root, 'src'), join(folder, 'src'), { recursive: true })
  await writeFile(join(folder, 'src/guards/tenant-guard.ts'), codeIn('typescript'))
  const [, entry = ''] = /add `(tenantRequired:.*?)` to the list/.exec(text) ?? []
  const edit = async (file: string, from: RegExp, to: string) => {
    const before = await readFile(join(folder, file), 'utf8')
    assert.match(before, from)
    await writeFile(join(folder, file), before.replace(from, to))
  }
  await edit('src/guards/guard-list.ts', /export const GUARDS = \{/, `$&\n  ${entry},`)
  await edit('src/guards/guard-list.ts', /^/, "import { tenantGuard } from './tenant-guard.js'\n")
  for (const file of methodsIn) await edit(file, /interface \w*GuardMethods<.*\{/, `$&\n  ${TENANT_REQUIRED}`)
  return new Promise(resolve => {
    const tsc = join(root, 'node_modules/.bin/tsc')
    execFile(tsc, ['-p', folder], (_, output) => resolve(output.match(/src\/[\w./-]+\.ts(?=\()/g) ?? []))
  })
}

test('a guard is added as CONTRIBUTING says, and the compiler asks for its methods of AuthX and of AuthManager', async t => {
  const { folder, remove } = await temporaryFolder()
  t.after(remove)
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  const { compilerOptions } = JSON.parse(await readFile(join(root, 'tsconfig.json'), 'utf8'))
  const settings = { compilerOptions: { ...compilerOptions, noEmit: true, paths: {} }, include: ['src'] }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings))
  const classes = ['src/guards/guard-methods.ts', 'src/manager.ts']
  assert.deepEqual([...new Set(await complaints(folder, []))].sort(), classes)
  assert.deepEqual(await complaints(folder, ['src/guards/guard-methods.ts', 'src/manager-types.ts']), [])
})

const [insert = '', update = ''] = codeIn('sql')
  .split(/^--.*$/m)
  .map(statement => statement.trim())
  .filter(statement => statement !== '')

/** The SQL of the page, on the one kind of database that each machine has. */
function sqlStore(database: Database, prefix: string) {
  database.exec(
    'CREATE TABLE IF NOT EXISTS tokens (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at BIGINT NOT NULL)',
  )
  /** PostgreSQL numbers its parameters; here they are taken in the order in which they come. */
  const prepared = (sql: string, ...values: (string | number)[]) => ({
    statement: database.prepare(sql.replaceAll(/\$\d/g, '?')),
    values: [...sql.matchAll(/\$(\d)/g)].map(([, n]) => values[Number(n) - 1] ?? ''),
  })
  const select = database.prepare('SELECT value FROM tokens WHERE key = ? AND expires_at > ?')
  return {
    get: async (keys: readonly string[]) =>
      keys.map(key => (select.get(prefix + key, Date.now()) as { value: string } | undefined)?.value),
    compareAndSet: async (key: string, expected: string | undefined, value: string, expiresAt: Date) => {
      const [end, now] = [expiresAt.getTime(), Date.now()]
      if (!(end > now)) throw new RangeError('expiresAt must be in the future')
      const sql = expected === undefined ? insert : update
      const { statement, values } = prepared(sql, prefix + key, value, end, now, expected ?? '')
      const { changes } = statement.run(...values)
      return Number(changes) === 1
    },
  }
}

const open = sqliteDriver()
const database = open(':memory:')
testTokenStore({ test, createStore: options => sqlStore(database, options?.prefix ?? '') })
