import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { SqliteAdapter, SqliteTokenStore } from '../../stores/sqlite.js'
import { sqliteDriver } from '../../stores/sqlite-driver.js'
import { restoredBySqlite } from '../support/sqlite-restore.js'
import { temporaryFolder } from '../support/temporary.js'
import { until } from '../support/until.js'

const { folder, remove } = await temporaryFolder()
after(remove)
let files = 0
const newFile = () => join(folder, `${++files}.sqlite`)
const soon = () => new Date(Date.now() + 60_000)
const keys = Array.from({ length: 60 }, (_, n) => `key ${n}`)

type Copy = (file: string, copy: string) => void
type Restore = (copy: string, file: string) => void

const vacuum: Copy = (file, copy) => {
  const database = sqliteDriver()(file)
  database.prepare('VACUUM INTO ?').run(copy)
  database.close()
}
/** As the shell of SQLite does with `.backup`: page by page, what is in the log included. */
const pageByPage: Copy = (file, copy) => {
  for (const suffix of ['', '-wal']) copyFileSync(file + suffix, copy + suffix)
  sqlOn(copy, 'PRAGMA wal_checkpoint(TRUNCATE)')
}
const COPIES: readonly (readonly [how: string, copy: Copy])[] = [
  ['made with VACUUM INTO', vacuum],
  ['made with .backup', pageByPage],
]
const RESTORES: readonly (readonly [how: string, restore: Restore])[] = [
  ['copied over the file', (copy, file) => copyFileSync(copy, file)],
  ['moved into its place', (copy, file) => renameSync(copy, file)],
]

/** What was merged may no longer be a database. */
const REFUSED = /(?:does not belong to its write-ahead log|is damaged).*delete.*put a backup in its place/s
const MIXTURE = /does not belong to its write-ahead log.*-wal.*delete.*put a backup in its place/s

describe('a backup that is put in the place of an SQLite file whose log was left', () => {
  for (const [how, copy] of COPIES) {
    for (const [way, restore] of RESTORES) {
      test(`${how}, ${way} after the process was killed: all calls reject until the log is deleted too`, async () => {
        const file = newFile()
        await leaveLog(file, copy)
        restore(`${file}.backup`, file)
        copyFileSync(file, `${file}.restored`)
        const store = new SqliteTokenStore(file)
        for (let n = 0; n < 3; n++) {
          await assert.rejects(store.get(keys), MIXTURE)
          await assert.rejects(store.compareAndSet('key 1', 'backed up', 'new', soon()), MIXTURE)
        }
        assert.deepEqual(readFileSync(file), readFileSync(`${file}.restored`), 'the backup is still whole')
        for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
        assert.deepEqual(await store.get(keys), Array(keys.length).fill('backed up'))
        assert.equal(await store.compareAndSet('key 1', 'backed up', 'new', soon()), true)
        await store.close()
      })
    }

    test(`${how}, moved into its place while the store is open: rejects within seconds, until the log is deleted`, async () => {
      const file = newFile()
      const store = await written(file, copy)
      renameSync(`${file}.backup`, file)
      await assert.rejects(store.compareAndSet('key 1', 'later', 'new', soon()), MIXTURE)
      await assert.rejects(store.get(keys), MIXTURE)
      for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
      assert.deepEqual(await store.get(keys), Array(keys.length).fill('backed up'))
      await store.close()
    })

    test(`${how}, copied over the file while the store is open: rejects within seconds, and after a restart`, async () => {
      const file = newFile()
      const store = await written(file, copy)
      copyFileSync(`${file}.backup`, file)
      await until(() => assert.rejects(store.get(keys), REFUSED))
      await store.close()
      await isRefused(file)
      await restoreAsDocumented(file)
    })

    test(`${how}, copied over the file just before the store is closed: rejects after the restart`, async () => {
      const file = newFile()
      const store = await written(file, copy)
      copyFileSync(`${file}.backup`, file)
      await store.close()
      await isRefused(file)
      await restoreAsDocumented(file)
    })
  }

  test('an older log that is put beside a newer file is noticed too', async () => {
    const file = newFile()
    await leaveLog(file, vacuum)
    const newer = newFile()
    const store = await written(newer, vacuum)
    await store.close()
    copyFileSync(newer, file)
    await isRefused(file)
  })
})

describe('a backup that is copied over an SQLite file whose log holds nothing, while stores have it open', () => {
  for (const [how, copy] of COPIES) {
    test(`${how}: a write that comes at once is made to the backup, and stays`, async () => {
      const file = newFile()
      const store = await reopened(file, copy)
      copyFileSync(`${file}.backup`, file)
      assert.equal(await store.compareAndSet('key 1', 'later', 'lost', soon()), false)
      assert.equal(await store.compareAndSet('key 1', 'backed up', 'new', soon()), true)
      await store.close()
      await holdsNew(file)
    })

    test(`${how}: reads notice it within seconds, and writes after them stay`, async () => {
      const file = newFile()
      const store = await reopened(file, copy)
      copyFileSync(`${file}.backup`, file)
      await until(async () => assert.deepEqual(await store.get(keys), Array(keys.length).fill('backed up')))
      assert.equal(await store.compareAndSet('key 1', 'backed up', 'new', soon()), true)
      await store.close()
      await holdsNew(file)
    })

    test(`${how}, after another program emptied the log: the same, for all stores`, async () => {
      const file = newFile()
      const stores = [await written(file, copy), new SqliteTokenStore(file)]
      sqlOn(file, 'PRAGMA wal_checkpoint(TRUNCATE)')
      for (const store of stores) assert.deepEqual(await store.get(keys), Array(keys.length).fill('later'))
      copyFileSync(`${file}.backup`, file)
      for (const store of stores) {
        await until(async () => assert.deepEqual(await store.get(keys), Array(keys.length).fill('backed up')))
      }
      assert.equal(await stores[0]?.compareAndSet('key 1', 'backed up', 'new', soon()), true)
      assert.deepEqual(await stores[1]?.get(['key 1']), ['new'])
      for (const store of stores) await store.close()
      await holdsNew(file)
    })
  }

  test('a damaged one is rejected', async () => {
    const file = newFile()
    const store = await reopened(file, vacuum)
    emptyIndex(`${file}.backup`)
    copyFileSync(`${file}.backup`, file)
    await assert.rejects(store.compareAndSet('key 1', 'backed up', 'new', soon()), /is damaged/)
    await store.close()
  })
})

describe('a backup that SQLite restores into a file that stores have open', () => {
  for (const [how, copy] of COPIES) {
    test(`${how}: sets all stores back to it`, async () => {
      const file = newFile()
      const stores = [await written(file, copy), new SqliteTokenStore(file)]
      for (const store of stores) assert.deepEqual(await store.get(keys), Array(keys.length).fill('later'))
      // All of the log is in the file: the restore begins it anew.
      sqlOn(file, 'PRAGMA wal_checkpoint(PASSIVE)')
      await restoredBySqlite(`${file}.backup`, file)
      await opensCopyOf(file)
      for (const store of stores) assert.deepEqual(await store.get(keys), Array(keys.length).fill('backed up'))
      assert.equal(await stores[0]?.compareAndSet('key 1', 'backed up', 'new', soon()), true)
      await opensCopyOf(file)
      assert.deepEqual(await stores[1]?.get(['key 1']), ['new'])
      for (const store of stores) await store.close()
      await holdsNew(file)
    })
  }
})

describe('what is no mixture is opened', () => {
  test('a file that another program copies the log into, and empties it, again and again', async () => {
    const file = newFile()
    const stores = [new SqliteTokenStore(file), new SqliteTokenStore(file)] as const
    assert.equal(await stores[0].compareAndSet('key', undefined, '0', soon()), true)
    for (let n = 0; n < 60; n++) {
      if (n % 3) sqlOn(file, `PRAGMA wal_checkpoint(${n % 2 ? 'TRUNCATE' : 'PASSIVE'})`)
      assert.equal(await stores[n % 2]?.compareAndSet('key', `${n}`, `${n + 1}`, soon()), true)
      if (n % 5 === 0) sqlOn(file, 'PRAGMA wal_checkpoint(TRUNCATE)')
      for (const store of stores) assert.deepEqual(await store.get(['key']), [`${n + 1}`])
    }
    for (const store of stores) await store.close()
  })

  test('a file and its log after the process was killed', async () => {
    const file = newFile()
    await leaveLog(file, vacuum)
    await holds(file, 'later')
  })

  test('a file and its log that were moved, or copied, together', async () => {
    const file = newFile()
    await leaveLog(file, vacuum)
    const [copied, moved] = [newFile(), newFile()]
    for (const suffix of ['', '-wal']) copyFileSync(file + suffix, copied + suffix)
    for (const suffix of ['', '-wal', '-shm']) renameSync(file + suffix, moved + suffix)
    await holds(copied, 'later')
    await holds(moved, 'later')
  })

  test('a backup, after the store was closed', async () => {
    const file = newFile()
    const store = await written(file, vacuum)
    await store.close()
    assert.ok(!existsSync(`${file}-wal`))
    copyFileSync(`${file}.backup`, file)
    await holds(file, 'backed up')
  })

  test('a log that was copied into the file in part, and by another program', async () => {
    const file = newFile()
    await leaveLog(file, vacuum)
    sqlOn(file, 'PRAGMA wal_checkpoint(PASSIVE)')
    await holds(file, 'later')
  })

  test('a file and its log at every moment, whatever was done before', async () => {
    const steps = fc.array(fc.tuple(fc.nat(8), fc.nat(9), fc.nat(3000)), { minLength: 5, maxLength: 20 })
    const run = async (taken: readonly (readonly [what: number, key: number, length: number])[]) => {
      const file = newFile()
      const adapter = new SqliteAdapter(file, 5000)
      for (const [what, key, length] of taken) {
        const works: readonly (() => unknown)[] = [
          () => adapter.compareAndSet(`key ${key}`, undefined, 'a', Date.now() + 60_000),
          () => adapter.set(`key ${key}`, 'b'.repeat(length)),
          () => adapter.delete(`key ${key}`),
          () => adapter.clear(),
          ...['PASSIVE', 'RESTART', 'TRUNCATE'].map(mode => () => sqlOn(file, `PRAGMA wal_checkpoint(${mode})`)),
          () => sqlOn(file, 'VACUUM'),
          () => sqlOn(file, 'CREATE TABLE IF NOT EXISTS another (a); DROP TABLE another'),
        ]
        await works[what]?.()
        await opensCopyOf(file)
      }
      await adapter.disconnect()
    }
    await fc.assert(fc.asyncProperty(steps, run), { numRuns: 12 })
  })

  test('a file in which VACUUM has moved the mark to another page', async () => {
    const file = newFile()
    sqlOn(
      file,
      `CREATE TABLE another (a); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
      INSERT INTO another SELECT zeroblob(1000) FROM n`,
    )
    const store = new SqliteTokenStore(file)
    await store.compareAndSet('key', undefined, 'a', soon())
    sqlOn(file, 'DROP TABLE another')
    sqlOn(file, 'PRAGMA wal_checkpoint(TRUNCATE)')
    await store.compareAndSet('key', 'a', 'b', soon())
    sqlOn(file, 'VACUUM')
    await opensCopyOf(file)
    sqlOn(file, 'PRAGMA wal_checkpoint(PASSIVE)')
    await opensCopyOf(file)
    await store.compareAndSet('key', 'b', 'c', soon())
    await opensCopyOf(file)
    await store.close()
  })

  test('a file whose log begins with a VACUUM that moves the mark', async () => {
    const file = newFile()
    sqlOn(file, 'CREATE TABLE another (a)')
    const store = new SqliteTokenStore(file)
    await store.compareAndSet('key', undefined, 'a', soon())
    sqlOn(file, 'DROP TABLE another')
    sqlOn(file, 'PRAGMA wal_checkpoint(PASSIVE)')
    sqlOn(file, 'VACUUM')
    await opensCopyOf(file)
    await store.close()
  })

  test('a file whose log begins with the purge of many records', async () => {
    const file = newFile()
    const store = new SqliteTokenStore(file)
    await store.get([])
    const database = sqliteDriver()(file)
    for (let n = 0; n < 300; n++) {
      database.prepare('INSERT INTO koa_authx VALUES (?, ?, ?)').run(`authx:gone ${n}`, 'a', Date.now() - 1)
    }
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    await until(() => assert.deepEqual(database.prepare('SELECT * FROM koa_authx').all(), []))
    await opensCopyOf(file)
    database.close()
    await store.close()
  })

  test('a file into which the log of a restored backup was copied in part', async () => {
    const file = newFile()
    const store = await written(file, vacuum)
    sqlOn(file, 'PRAGMA wal_checkpoint(PASSIVE)')
    await restoredBySqlite(`${file}.backup`, file)
    const [before, log] = [readFileSync(file), readFileSync(`${file}-wal`)]
    const pageSize = log.readUInt32BE(8)
    for (let copied = 1; copied * pageSize <= before.length; copied++) {
      const copy = newFile()
      writeFileSync(copy, before)
      writeFileSync(`${copy}-wal`, log)
      const target = openSync(copy, 'r+')
      for (let n = 0; n < copied; n++) {
        const frame = 32 + n * (24 + pageSize)
        writeSync(target, log, frame + 24, pageSize, (log.readUInt32BE(frame) - 1) * pageSize)
      }
      closeSync(target)
      await holds(copy, 'backed up')
    }
    await store.close()
  })

  test('a file of a release that had no marks, with its log', async () => {
    const file = newFile()
    const database = sqliteDriver()(file)
    database.prepare('PRAGMA journal_mode = WAL').get()
    database.exec(`CREATE TABLE koa_authx (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, expires INTEGER NOT NULL) STRICT;
      CREATE INDEX koa_authx_expires ON koa_authx (expires);
      INSERT INTO koa_authx VALUES ('authx:key 0', 'later', 8640000000000000)`)
    for (const suffix of ['', '-wal']) copyFileSync(file + suffix, `${file}.old${suffix}`)
    database.close()
    const store = new SqliteTokenStore(`${file}.old`)
    assert.deepEqual(await store.get(['key 0']), ['later'])
    assert.equal(await store.compareAndSet('key 0', 'later', 'new', soon()), true)
    await store.close()
  })
})

describe('an index that does not fit its table', () => {
  test('rejects from the first call on, names the file, and passes once a backup is in its place', async () => {
    const file = newFile()
    const store = await written(file, vacuum)
    await store.close()
    emptyIndex(file)
    const again = new SqliteTokenStore(file)
    for (let n = 0; n < 3; n++) await assert.rejects(again.get(keys), /is damaged: .*put a backup in its place/s)
    await assert.rejects(again.compareAndSet('key', undefined, 'a', soon()), /is damaged/)
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
    copyFileSync(`${file}.backup`, file)
    assert.deepEqual(await again.get(keys), Array(keys.length).fill('backed up'))
    await again.close()
  })
})

async function opensCopyOf(file: string): Promise<void> {
  const copy = newFile()
  for (const suffix of ['', '-wal']) if (existsSync(file + suffix)) copyFileSync(file + suffix, copy + suffix)
  const store = new SqliteTokenStore(copy)
  await store.get(['key'])
  await store.close()
}

/** Behind SQLite's back: the first page of the index says that it has no entries. */
function emptyIndex(file: string): void {
  const database = sqliteDriver()(file)
  const { rootpage } = database
    .prepare("SELECT rootpage FROM sqlite_master WHERE name = 'koa_authx_expires'")
    .get() as { rootpage: number }
  database.close()
  const content = readFileSync(file)
  const page = (rootpage - 1) * content.readUInt16BE(16)
  content[page] = 10
  content.writeUInt16BE(0, page + 3)
  writeFileSync(file, content)
}

function sqlOn(file: string, sql: string): void {
  const database = sqliteDriver()(file)
  database.exec(sql)
  database.close()
}

/** A store whose keys were 'backed up' when a copy was made, and are 'later' now, in the log. */
async function written(file: string, copy: Copy): Promise<SqliteTokenStore> {
  const store = new SqliteTokenStore(file)
  for (const key of keys) await store.compareAndSet(key, undefined, 'backed up', soon())
  // Some of what comes is in the file, and some in the log alone, which begins anew.
  copy(file, `${file}.backup`)
  sqlOn(file, 'PRAGMA wal_checkpoint(TRUNCATE)')
  for (const key of keys.slice(0, 40)) await store.compareAndSet(key, 'backed up', 'later', soon())
  sqlOn(file, 'PRAGMA wal_checkpoint(TRUNCATE)')
  for (const key of keys.slice(40)) await store.compareAndSet(key, 'backed up', 'later', soon())
  return store
}

/** The same after a restart: the log holds nothing, and SQLite has pages of the file in memory. */
async function reopened(file: string, copy: Copy): Promise<SqliteTokenStore> {
  await (await written(file, copy)).close()
  const store = new SqliteTokenStore(file)
  assert.deepEqual(await store.get(keys), Array(keys.length).fill('later'))
  return store
}

/** What `written` leaves, in a process that was killed. */
async function leaveLog(file: string, copy: Copy): Promise<void> {
  const first = await written(file, copy)
  const killed = await holdOpen(file)
  await first.close()
  const gone = once(killed, 'exit')
  killed.kill('SIGKILL')
  await gone
  assert.ok(existsSync(`${file}-wal`))
}

async function holdOpen(file: string): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('../support/sqlite-locker.ts', import.meta.url))
  const process = fork(program, [file, 'SELECT count(*) FROM koa_authx'], { execArgv: ['--import', 'tsx'] })
  await once(process, 'message')
  return process
}

async function holds(file: string, value: string): Promise<void> {
  const store = new SqliteTokenStore(file)
  assert.deepEqual(await store.get(keys), Array(keys.length).fill(value))
  assert.equal(await store.compareAndSet('key 0', value, 'new', soon()), true)
  await store.close()
}

/** The backup, with 'new' written to key 1 since, and sound. */
async function holdsNew(file: string): Promise<void> {
  const store = new SqliteTokenStore(file)
  assert.deepEqual(
    await store.get(keys),
    keys.map(key => (key === 'key 1' ? 'new' : 'backed up')),
  )
  await store.close()
}

async function isRefused(file: string): Promise<void> {
  const store = new SqliteTokenStore(file)
  await assert.rejects(store.get(keys), REFUSED)
  await store.close()
}

async function restoreAsDocumented(file: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
  copyFileSync(`${file}.backup`, file)
  await holds(file, 'backed up')
}
