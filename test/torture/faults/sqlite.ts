import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SqliteTokenStore } from '../../../stores/sqlite.js'
import { type Database, sqliteDriver } from '../../../stores/sqlite-driver.js'
import { temporaryFolder } from '../../support/temporary.js'
import { until } from '../../support/until.js'
import type { Fault, Stage } from './endure.js'
import type { Target } from './target.js'

type Prepare = () => Promise<Stage>

const PAGE = 4096
const NOBODY = 65_534

const on =
  (faults: (path: string) => Fault[], fromTheStart = false): Prepare =>
  async () => {
    const { folder, remove } = await temporaryFolder()
    const path = join(folder, 'of the application', 'tokens.sqlite')
    await mkdir(dirname(path))
    return { backend: { kind: 'sqlite', at: path }, faults: faults(path), fromTheStart, cleanUp: remove }
  }

/** Another process holds the lock: at first all of it, so that the file cannot even be opened, then that for writing. */
export const locked = on(
  path => [
    {
      name: 'locked for everything',
      ...holding(path, 'PRAGMA locking_mode = EXCLUSIVE; CREATE TABLE other (a); BEGIN EXCLUSIVE'),
    },
    { name: 'locked for writing', ...holding(path, 'BEGIN IMMEDIATE'), readsGoOn: true },
  ],
  true,
)

function holding(path: string, sql: string): Pick<Fault, 'begin' | 'end'> {
  let database: Database | undefined
  return {
    begin: async () => {
      // The server may be writing at this moment.
      await until(() => {
        database?.close()
        database = sqliteDriver()(path)
        database.exec(sql)
      })
    },
    end: () => database?.close(),
  }
}

/** The folder is missing when the server starts. */
export const missing = on(
  path => [
    { name: 'folder missing', begin: () => rm(dirname(path), { recursive: true }), end: () => mkdir(dirname(path)) },
  ],
  true,
)

/** The server may read the file and its folder, and not write. */
export const readOnly = on(
  path => [
    {
      name: 'read-only',
      begin: async target => {
        const store = new SqliteTokenStore(path)
        await store.get([])
        await store.close()
        await permit(path, 0o444, 0o555)
        // Root may write anything.
        if (process.getuid?.() === 0) await target.order({ euid: NOBODY })
      },
      end: () => permit(path, 0o666, 0o777),
    },
  ],
  true,
)

async function permit(path: string, file: number, folder: number): Promise<void> {
  await chmod(dirname(dirname(path)), 0o755)
  // First the file: SQLite gives its permissions to those that it makes beside it.
  await chmod(path, file)
  await chmod(dirname(path), folder)
}

/** Room for the index of the log, which reading needs, and for a few entries of the log itself. */
export const full = on(() => [
  {
    name: 'disk full',
    begin: target => limit(target, String(8 * PAGE)),
    end: target => limit(target, 'unlimited'),
    readsGoOn: true,
    partial: true,
  },
])

/** The largest file that the process may write, which stands in for a disk that is full. */
function limit({ pid }: Target, bytes: string): void {
  const { status, error } = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`])
  if (status !== 0) throw new Error('prlimit (Debian: util-linux) is needed to fill a disk', { cause: error })
}

/** The file goes away while it is open; after it, a file with damaged pages takes its place. */
export const lost = on(path => [
  { name: 'file deleted', begin: () => remove(path), end: () => opened(path), harmless: true, forgets: true },
  { name: 'file damaged', begin: () => damage(path), end: () => remove(path).then(() => opened(path)), forgets: true },
])

async function remove(path: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await rm(path + suffix, { force: true })
}

/** Until the server has made the file anew. */
const opened = (path: string) => until(() => existsSync(path))

async function damage(path: string): Promise<void> {
  const database = sqliteDriver()(path)
  // What is in the log would hide what is in the file.
  await until(() => (database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }).busy === 0)
  const file = await open(path, 'r+')
  const { size } = await file.stat()
  // The first page makes it a database.
  await file.write(Buffer.alloc(Math.max(0, size - PAGE), 0xa5), 0, null, PAGE)
  await file.close()
  // Somebody has written: what the server has in memory no longer counts.
  await until(() => database.exec('PRAGMA user_version = 1'))
  database.close()
}
