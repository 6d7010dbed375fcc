import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SqliteTokenStore } from '../../stores/sqlite.js'
import { sqliteDriver } from '../../stores/sqlite-driver.js'
import { inProcesses } from '../support/processes.js'
import { temporaryFolder } from '../support/temporary.js'

const { folder, remove } = await temporaryFolder()
after(remove)
let folders = 0
function newFolder(): string {
  const made = join(folder, String(++folders))
  mkdirSync(made)
  return made
}
const soon = () => new Date(Date.now() + 60_000)

/** What a process with this umask leaves beside the database, and its umask after it. */
function filesAfter(umask: string, path: string, folder?: string): string[] {
  const program = fileURLToPath(new URL('../support/sqlite-writer.ts', import.meta.url))
  const run = `umask ${umask}; exec "$0" --import tsx "$@"`
  const args = ['-c', run, process.execPath, program, path, ...(folder ? [folder] : [])]
  const { stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8', timeout: 50_000 })
  assert.match(stdout, /umask/, stderr)
  return stdout.trim().split('\n')
}

describe('the files of SqliteTokenStore are for their owner only', () => {
  for (const umask of ['000', '022', '077']) {
    test(`with a umask of ${umask}, which stays as it is`, () => {
      const umaskAfter = `umask ${Number(umask)}`
      assert.deepEqual(filesAfter(umask, join(newFolder(), 'a.sqlite')), [
        'a.sqlite 600',
        'a.sqlite-shm 600',
        'a.sqlite-wal 600',
        umaskAfter,
      ])
    })
  }

  test('a file that is there keeps its permissions, and those beside it get the same', () => {
    const file = join(newFolder(), 'a.sqlite')
    writeFileSync(file, '')
    chmodSync(file, 0o640)
    assert.deepEqual(filesAfter('000', file).slice(0, 3), ['a.sqlite 640', 'a.sqlite-shm 640', 'a.sqlite-wal 640'])
  })

  test('where a link leads that leads to nothing yet', () => {
    const [there, here] = [newFolder(), newFolder()]
    symlinkSync(join(there, 'b.sqlite'), join(here, 'a.sqlite'))
    assert.deepEqual(filesAfter('000', join(here, 'a.sqlite'), there).slice(0, 3), [
      'b.sqlite 600',
      'b.sqlite-shm 600',
      'b.sqlite-wal 600',
    ])
    assert.deepEqual(readdirSync(here), ['a.sqlite'])
  })

  test('where four processes make them at once', async () => {
    const file = join(newFolder(), 'a.sqlite')
    const claim = Array.from({ length: 20 }, (_, n) => `claim ${n}`)
    const reports = await inProcesses(4, { kind: 'sqlite', at: file }, { claim })
    assert.deepEqual(reports.flatMap(report => report.claimed).sort(), [...claim].sort())
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  test('where the file was deleted while the store was open', async () => {
    const file = join(newFolder(), 'a.sqlite')
    const store = new SqliteTokenStore(file)
    await store.compareAndSet('key', undefined, 'a', soon())
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix)
    assert.equal(await store.compareAndSet('key', undefined, 'b', soon()), true)
    for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(file + suffix).mode & 0o777, 0o600)
    await store.close()
  })

  test(':memory: makes no file', () => {
    const here = newFolder()
    const program = 'process.chdir(process.argv[1]); await import(process.argv[2])'
    const writer = fileURLToPath(new URL('../../stores/sqlite.ts', import.meta.url))
    const uses = `${program}.then(async ({ SqliteTokenStore }) => {
      const store = new SqliteTokenStore(':memory:')
      await store.compareAndSet('key', undefined, 'a', new Date(Date.now() + 60_000))
      await store.close()
    })`
    const node = ['--import', 'tsx', '--input-type=module', '-e', uses, here, writer]
    const { status, stderr } = spawnSync(process.execPath, node, { timeout: 50_000, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    assert.deepEqual(readdirSync(here), [])
  })
})

describe('SqliteTokenStore and a path that leads elsewhere', () => {
  test('a write goes to the file that is under the path now, and never to one that was moved away or deleted', async () => {
    const file = join(newFolder(), 'a.sqlite')
    const store = new SqliteTokenStore(file)
    await store.compareAndSet('key', undefined, 'a', soon())
    for (const suffix of ['', '-wal', '-shm']) renameSync(file + suffix, `${file}.moved${suffix}`)
    assert.equal(await store.compareAndSet('key', undefined, 'b', soon()), true)
    await store.close()
    const [here, moved] = [new SqliteTokenStore(file), new SqliteTokenStore(`${file}.moved`)]
    assert.deepEqual([await here.get(['key']), await moved.get(['key'])], [['b'], ['a']])
    await Promise.all([here.close(), moved.close()])
  })

  test('a relative path stays in the folder where the store was made', async () => {
    const [here, there] = [newFolder(), newFolder()]
    const before = process.cwd()
    try {
      process.chdir(here)
      const store = new SqliteTokenStore('a.sqlite')
      process.chdir(there)
      await store.compareAndSet('key', undefined, 'a', soon())
      await store.close()
    } finally {
      process.chdir(before)
    }
    assert.deepEqual([readdirSync(here), readdirSync(there)], [['a.sqlite'], []])
  })

  test('a link and the file are one database', async () => {
    const here = newFolder()
    const [file, link] = [join(here, 'a.sqlite'), join(here, 'b.sqlite')]
    symlinkSync(file, link)
    const [one, other] = [new SqliteTokenStore(file), new SqliteTokenStore(link)]
    assert.equal(await one.compareAndSet('key', undefined, 'a', soon()), true)
    assert.equal(await other.compareAndSet('key', 'a', 'b', soon()), true)
    assert.deepEqual(await one.get(['key']), ['b'])
    await Promise.all([one.close(), other.close()])
  })

  test('a second name of the same file, a hard link, is refused: SQLite would keep a log for each name', async () => {
    const here = newFolder()
    const [file, second] = [join(here, 'a.sqlite'), join(here, 'b.sqlite')]
    const store = new SqliteTokenStore(file)
    await store.compareAndSet('key', undefined, 'a', soon())
    linkSync(file, second)
    const other = new SqliteTokenStore(second)
    await assert.rejects(other.get(['key']), /hard link/)
    rmSync(second)
    await Promise.all([store.close(), other.close()])
  })
})

test('other stores of the process that have the file open keep their locks on it', async () => {
  const file = join(newFolder(), 'a.sqlite')
  const first = new SqliteTokenStore(file)
  await first.compareAndSet('key', undefined, 'a', soon())
  for (let n = 0; n < 3; n++) {
    const another = new SqliteTokenStore(file)
    await another.get(['key'])
    await another.close()
  }
  const program = `
    import { sqliteDriver } from './stores/sqlite-driver.js'
    const database = sqliteDriver()(${JSON.stringify(file)})
    database.exec('SELECT count(*) FROM koa_authx')
    database.close()`
  spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], { timeout: 50_000 })
  assert.ok(statSync(`${file}-wal`).size > 0, 'a process that closes the file does not take itself for the last one')
  assert.equal(await first.compareAndSet('key', 'a', 'b', soon()), true)
  const database = sqliteDriver()(file)
  assert.deepEqual({ ...(database.prepare('SELECT value FROM koa_authx').get() as object) }, { value: 'b' })
  database.close()
  await first.close()
})
