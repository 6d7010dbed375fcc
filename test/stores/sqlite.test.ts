import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Keyv } from 'keyv'
import { testTokenStore } from '../../src/testing/index.js'
import { SqliteAdapter, SqliteTokenStore, type StoreOptions } from '../../stores/sqlite.js'
import { sqliteDriver } from '../../stores/sqlite-driver.js'
import { within } from '../support/counted.js'
import { inProcesses } from '../support/processes.js'
import { temporaryFolder } from '../support/temporary.js'
import { until } from '../support/until.js'

const { folder, remove } = await temporaryFolder()
after(remove)
let files = 0
const newFile = () => join(folder, `${++files}.sqlite`)
const soon = () => new Date(Date.now() + 60_000)

describe('SqliteTokenStore meets the contract', { concurrency: true }, () => {
  const file = newFile()
  const createStore = (options?: StoreOptions) => new SqliteTokenStore(file, { ...options, timeout: 5000 })
  testTokenStore({ test, createStore, expiryOf: key => expiryIn(file, `authx:${key}`) })
})

test('SqliteTokenStore answers with one value for each key, however many are asked for', async () => {
  const store = new SqliteTokenStore(newFile())
  const keys = ['a', 'b', 'c', 'd', 'e']
  for (const key of keys) await store.compareAndSet(key, undefined, `value ${key}\0`, soon())
  for (let count = 0; count <= keys.length; count++) {
    const asked = keys.slice(0, count)
    assert.deepEqual(
      await store.get(asked),
      asked.map(key => `value ${key}\0`),
    )
  }
  await store.close()
})

test('SqliteTokenStore answers reads that were under way when it was closed, and none after', async () => {
  const store = new SqliteTokenStore(newFile())
  await store.compareAndSet('key', undefined, 'a', soon())
  const reads = [store.get(['key']), store.get(['key', 'other'])]
  const closing = store.close()
  await assert.rejects(store.get(['key']), /closed/)
  await assert.rejects(store.compareAndSet('key', 'a', 'b', soon()), /closed/)
  await closing
  assert.deepEqual(await Promise.all(reads), [['a'], ['a', undefined]])
  await assert.rejects(store.get(['key']), /closed/)
})

test('a value that SqliteTokenStore did not write is never taken for nothing', async () => {
  const file = newFile()
  const database = sqliteDriver()(file)
  database.exec('CREATE TABLE koa_authx (key TEXT PRIMARY KEY NOT NULL, value NOT NULL, expires INTEGER NOT NULL)')
  database.exec(
    "INSERT INTO koa_authx VALUES ('authx:number', 7, 8640000000000000), ('authx:bytes', x'61', 8640000000000000)",
  )
  database.close()
  const store = new SqliteTokenStore(file)
  for (const key of ['number', 'bytes']) {
    const read = await store.get([key]).catch(() => 'rejected')
    assert.notDeepEqual(read, [undefined], key)
  }
  await store.close()
})

describe('SqliteTokenStore, four processes at one file', () => {
  test('each meets the contract while the others do the same', async () => {
    const reports = await inProcesses(4, { kind: 'sqlite', at: newFile() }, { suite: true })
    for (const { failures } of reports) assert.deepEqual(failures, [])
  })

  test('of all that claim a key exactly one gets it, and nobody loses a count', async () => {
    const file = newFile()
    const claim = Array.from({ length: 200 }, (_, i) => `claim ${i}`)
    const order = { claim, count: { key: 'count', times: 100 } }
    const reports = await inProcesses(4, { kind: 'sqlite', at: file }, order)
    for (const { failures } of reports) assert.deepEqual(failures, [])
    assert.deepEqual(reports.flatMap(report => report.claimed).sort(), [...claim].sort())
    const store = new SqliteTokenStore(file)
    assert.deepEqual(await store.get(['count']), ['400'])
    await store.close()
  })
})

describe('SqliteTokenStore and expired records', () => {
  test('they go away without being read, the others stay', async () => {
    const file = newFile()
    const store = new SqliteTokenStore(file)
    for (let i = 0; i < 700; i++) await store.compareAndSet(`goes ${i}`, undefined, 'a', new Date(Date.now() + 300))
    await store.compareAndSet('stays', undefined, 'a', soon())
    await until(() => assert.deepEqual(keysIn(file), ['authx:stays']))
    await store.close()
  })

  test('an expired record of another process that is not purged yet is written over', async () => {
    const file = newFile()
    const store = new SqliteTokenStore(file)
    await store.get([])
    write(file, 'authx:key', 'old', Date.now() - 1)
    assert.deepEqual(await store.get(['key']), [undefined])
    assert.equal(await store.compareAndSet('key', 'old', 'wrong', soon()), false)
    assert.equal(await store.compareAndSet('key', undefined, 'new', soon()), true)
    await store.close()
  })
})

describe('SqliteTokenStore and a lock held by another process', () => {
  test('a write rejects after the timeout while the event loop goes on, reads succeed, and then it heals', async () => {
    const file = newFile()
    const store = new SqliteTokenStore(file, { timeout: 200 })
    await store.compareAndSet('key', undefined, 'a', soon())
    const locker = await lock(file, 'BEGIN IMMEDIATE')
    const standstill = await watchStandstills()
    const write = () => assert.rejects(store.compareAndSet('key', 'a', 'b', soon()), /locked/)
    await within(600, () => Promise.all(Array.from({ length: 20 }, write)))
    assert.ok((await standstill.longest()) < 150, 'the event loop never stood still')
    assert.deepEqual(await store.get(['key']), ['a'])
    await release(locker)
    assert.equal(await store.compareAndSet('key', 'a', 'b', soon()), true)
    await store.close()
  })

  test('a write waits for a lock that is let go in time', async () => {
    const file = newFile()
    const store = new SqliteTokenStore(file, { timeout: 5000 })
    await store.compareAndSet('key', undefined, 'a', soon())
    const locker = await lock(file, 'BEGIN IMMEDIATE')
    const write = store.compareAndSet('key', 'a', 'b', soon())
    setTimeout(() => release(locker), 100)
    assert.equal(await write, true)
    await store.close()
  })

  test('a file that cannot even be opened now rejects and is opened later', async () => {
    const file = newFile()
    const locker = await lock(file, 'PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE other (a); BEGIN EXCLUSIVE')
    const store = new SqliteTokenStore(file, { timeout: 100 })
    await assert.rejects(store.get(['key']), /locked/)
    await assert.rejects(store.compareAndSet('key', undefined, 'a', soon()), /locked/)
    await release(locker)
    assert.equal(await store.compareAndSet('key', undefined, 'a', soon()), true)
    await store.close()
  })

  test('close ends the waiting', async () => {
    const file = newFile()
    const store = new SqliteTokenStore(file, { timeout: 20_000 })
    await store.get([])
    const locker = await lock(file, 'BEGIN IMMEDIATE')
    const write = assert.rejects(store.compareAndSet('key', undefined, 'a', soon()), /closed/)
    await within(1000, () => Promise.all([write, store.close()]))
    await release(locker)
  })
})

describe('SqliteTokenStore and a file that is not in order', () => {
  test('constructing needs no file; a missing folder rejects until it is there', async () => {
    const missing = join(folder, 'missing')
    const store = new SqliteTokenStore(join(missing, 'tokens.sqlite'))
    await assert.rejects(store.get(['key']), /SQLite/)
    await assert.rejects(store.compareAndSet('key', undefined, 'a', soon()), /SQLite/)
    await mkdir(missing)
    assert.equal(await store.compareAndSet('key', undefined, 'a', soon()), true)
    await store.close()
  })

  test('a folder in the place of the file rejects', async () => {
    const store = new SqliteTokenStore(folder)
    await assert.rejects(store.get(['key']), /SQLite/)
    await store.close()
  })

  test('a file that is not a database rejects until it is replaced', async () => {
    const file = newFile()
    await writeFile(file, 'not a database, but long enough to be taken for one '.repeat(100))
    const store = new SqliteTokenStore(file)
    await assert.rejects(store.get(['key']), /not a database/)
    await assert.rejects(store.compareAndSet('key', undefined, 'a', soon()), /not a database/)
    await rm(file)
    assert.deepEqual(await store.get(['key']), [undefined])
    await store.close()
  })

  test('a database whose pages are damaged rejects and never reads as nothing', async () => {
    const file = newFile()
    const first = new SqliteTokenStore(file)
    const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`)
    for (const key of keys) await first.compareAndSet(key, undefined, 'v'.repeat(200), soon())
    await first.close()
    await damage(file)
    const store = new SqliteTokenStore(file)
    await assert.rejects(store.get(keys), /SQLite/)
    await store.close()
  })

  test('a file that may only be read: writes reject, and succeed once it may be written', async () => {
    const file = newFile()
    const first = new SqliteTokenStore(file)
    await first.compareAndSet('key', undefined, 'a', soon())
    await first.close()
    await chmod(folder, 0o755)
    await chmod(file, 0o444)
    const store = new SqliteTokenStore(file)
    await asOrdinaryUser(() => assert.rejects(store.compareAndSet('key', 'a', 'b', soon()), /SQLite/))
    await chmod(file, 0o644)
    assert.equal(await store.compareAndSet('key', 'a', 'b', soon()), true)
    await store.close()
  })

  test('a full disk: writes reject, nothing is half written, the process lives', () => {
    const program = fileURLToPath(new URL('../support/sqlite-full.ts', import.meta.url))
    // The limit of 512-byte blocks a file may have stands in for a disk that is full.
    const limited = `trap '' XFSZ; ulimit -f 400; exec "$0" --import tsx "$1" "$2"`
    const args = ['-c', limited, process.execPath, program, newFile()]
    const { stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8', timeout: 50_000 })
    assert.equal(stdout.trim(), 'rejected, and what was written is there', stderr)
  })

  test('a file that was deleted or replaced while it was open is left within seconds', async () => {
    const file = newFile()
    const store = new SqliteTokenStore(file)
    await store.compareAndSet('key', undefined, 'of the old file', soon())
    const other = newFile()
    const second = new SqliteTokenStore(other)
    await second.compareAndSet('key', undefined, 'of the new file', soon())
    await second.close()
    for (const suffix of ['', '-wal', '-shm']) await rm(file + suffix)
    await rename(other, file)
    await until(async () => assert.deepEqual(await store.get(['key']), ['of the new file']))
    await store.close()
  })
})

describe('SqliteTokenStore', () => {
  test(':memory: is a database of its own', async () => {
    const [one, other] = [new SqliteTokenStore(':memory:'), new SqliteTokenStore(':memory:')]
    assert.equal(await one.compareAndSet('key', undefined, 'a', soon()), true)
    assert.deepEqual(await one.get(['key']), ['a'])
    assert.deepEqual(await other.get(['key']), [undefined])
    await one.close()
    await other.close()
  })

  test('a date that is not in the future rejects', async () => {
    const store = new SqliteTokenStore(':memory:')
    for (const date of [new Date(), new Date(0), new Date(Number.NaN)]) {
      await assert.rejects(store.compareAndSet('key', undefined, 'a', date), RangeError)
    }
    await store.close()
  })

  test('the database is in WAL mode', async () => {
    const file = newFile()
    const store = new SqliteTokenStore(file)
    await store.get([])
    const database = sqliteDriver()(file)
    assert.deepEqual({ ...(database.prepare('PRAGMA journal_mode').get() as object) }, { journal_mode: 'wal' })
    database.close()
    await store.close()
  })

  test('neither its timers nor its file keep the process alive', () => {
    const program = `
      import { SqliteTokenStore } from './stores/sqlite.js'
      await new SqliteTokenStore(${JSON.stringify(newFile())}).compareAndSet('key', undefined, 'a', new Date(Date.now() + 60_000))`
    const node = ['--import', 'tsx', '--input-type=module', '-e', program]
    const { status, stderr } = spawnSync(process.execPath, node, { timeout: 50_000, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  })

  test('wrong arguments are a TypeError that names the option', () => {
    const urls = ['file:tokens.sqlite', 'file:///var/tokens.sqlite', 'sqlite:tokens.sqlite', 'sqlite://tokens.sqlite']
    const others = [new URL('file:///a'), 'SQLITE3:a', 'redis://localhost:6379', 'better-sqlite3://a']
    for (const wrong of [undefined, '', { path: 'a' }, ...urls, ...others]) {
      assert.throws(() => new SqliteTokenStore(wrong as never), { name: 'TypeError', message: /SqliteTokenStore\('/ })
    }
    for (const path of [':memory:', 'C:\\data\\tokens.sqlite', 'sqlite', 'file', './file:tokens.sqlite']) {
      assert.doesNotThrow(() => new SqliteTokenStore(path))
    }
    assert.throws(() => new SqliteTokenStore('a', { prefix: 'a b' }), { name: 'TypeError', message: /prefix/ })
    assert.throws(() => new SqliteTokenStore('a', { tmeout: 5 } as never), { name: 'TypeError', message: /tmeout/ })
    for (const timeout of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '250' as never]) {
      assert.throws(() => new SqliteTokenStore('a', { timeout }), { name: 'TypeError', message: /timeout/ })
    }
  })
})

describe('SqliteAdapter', () => {
  test('a Keyv works over it', async () => {
    const keyv = new Keyv({ store: new SqliteAdapter(newFile(), 250), namespace: 'one', throwOnErrors: true })
    const other = new Keyv({ store: new SqliteAdapter(':memory:', 250), throwOnErrors: true })
    await keyv.set('key', { a: 1 })
    await keyv.set('brief', 'a', 50)
    assert.deepEqual(await keyv.get('key'), { a: 1 })
    assert.equal(await other.get('key'), undefined)
    await until(async () => assert.equal(await keyv.get('brief'), undefined))
    assert.deepEqual(await keyv.get(['brief', 'key']), [undefined, { a: 1 }])
    assert.equal(await keyv.delete('key'), true)
    assert.equal(await keyv.delete('key'), false)
    await keyv.disconnect()
    await other.disconnect()
  })

  test('clearing a namespace leaves the others', async () => {
    const file = newFile()
    const [one, two] = ['one', 'on_'].map(
      namespace => new Keyv({ store: new SqliteAdapter(file, 250), namespace, throwOnErrors: true }),
    ) as [Keyv, Keyv]
    await one.set('key', 1)
    await two.set('key', 2)
    await two.clear()
    assert.equal(await one.get('key'), 1)
    assert.equal(await two.get('key'), undefined)
    await one.disconnect()
    await two.disconnect()
  })
})

function keysIn(file: string): string[] {
  const database = sqliteDriver()(file)
  const rows = database.prepare('SELECT key FROM koa_authx').all() as { key: string }[]
  database.close()
  return rows.map(row => row.key)
}

function expiryIn(file: string, key: string): Date | undefined {
  const database = sqliteDriver()(file)
  const row = database.prepare('SELECT expires FROM koa_authx WHERE key = ?').get(key) as
    | { expires: number }
    | undefined
  database.close()
  return row && new Date(row.expires)
}

function write(file: string, key: string, value: string, expires: number): void {
  const database = sqliteDriver()(file)
  database.prepare('INSERT INTO koa_authx (key, value, expires) VALUES (?, ?, ?)').run(key, value, expires)
  database.close()
}

async function lock(file: string, sql: string): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('../support/sqlite-locker.ts', import.meta.url))
  const locker = fork(program, [file, sql], { execArgv: ['--import', 'tsx'] })
  await once(locker, 'message')
  return locker
}

async function release(locker: ChildProcess): Promise<void> {
  const gone = once(locker, 'exit')
  locker.send('let go')
  await gone
}

/**
 * How long the event loop stood still at most, in milliseconds, as another thread of this process counts them: if the
 * machine is busy with something else, or this process is paused, that thread stands still too.
 */
async function watchStandstills(): Promise<{ longest(): Promise<number> }> {
  const cells = new Int32Array(new SharedArrayBuffer(8))
  const timer = setInterval(() => Atomics.add(cells, 0, 1), 1)
  const watcher = new Worker(
    `const { parentPort, workerData: cells } = require('node:worker_threads')
    parentPort.postMessage('ready')
    let [last, still, longest] = [0, 0, 0]
    while (Atomics.load(cells, 1) === 0) {
      Atomics.wait(cells, 1, 0, 1)
      const ticks = Atomics.load(cells, 0)
      still = ticks === last ? still + 1 : 0
      longest = Math.max(longest, still)
      last = ticks
    }
    parentPort.postMessage(longest)`,
    { eval: true, workerData: cells },
  )
  await once(watcher, 'message')
  return {
    async longest() {
      const told = once(watcher, 'message')
      Atomics.store(cells, 1, 1)
      const [longest] = await told
      clearInterval(timer)
      return longest
    },
  }
}

/** Overwrite everything but the first page, which makes it a database. */
async function damage(file: string): Promise<void> {
  const { readFile } = await import('node:fs/promises')
  const content = await readFile(file)
  content.fill(0xa5, 4096)
  await writeFile(file, content)
}

/** Root may write anything, so permissions mean nothing to it. */
async function asOrdinaryUser(work: () => Promise<unknown>): Promise<void> {
  const root = process.geteuid?.() === 0
  if (root) process.seteuid?.(65_534)
  try {
    await work()
  } finally {
    if (root) process.seteuid?.(0)
  }
}
