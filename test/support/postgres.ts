import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from './free-port.js'
import { findPostgres, installPostgres, unprivilegedUser } from './postgres-binary.js'

export interface PostgresServer {
  readonly url: string
  readonly port: number
  /** The postmaster's process id; another one after `restart()`. */
  readonly pid: number
  /** End it in good order; its data are deleted. */
  stop(): Promise<void>
  /** SIGSTOP of all its processes: connections stay open and nothing is answered. */
  pause(): void
  /** SIGCONT. */
  resume(): void
  /** SIGKILL of all its processes; resolves when they are gone. */
  kill(): Promise<void>
  /** End it in good order and keep its data: standbys that are connected get all that it has written first. */
  shutDown(): Promise<void>
  /** Start again, with the same data, on the same port. */
  restart(): Promise<void>
  /** Runs statements as the superuser, on a connection of its own; the rows of the last one. */
  query(sql: string): Promise<Record<string, unknown>[]>
  /** A url of the same server for a role, with the superuser's database. */
  urlOf(role: string, password?: string): string
  /** A standby that streams from this server. It has the same settings, and `settings` besides. */
  standby(settings?: Readonly<Record<string, string>>): Promise<PostgresServer>
  /** A standby becomes a primary; resolves when it is one. */
  promote(): Promise<void>
  /** A base backup, made now. */
  baseBackup(): Promise<BaseBackup>
  /** The process ids of all its processes, the postmaster's first. */
  pids(): readonly number[]
  /** Whether its postmaster runs. */
  readonly running: boolean
  /** What it has logged. */
  log(): string
}

export interface BaseBackup {
  /** A server of its own that begins with the backup and goes on as `recovery` says, such as `{ restore_command }`. */
  restore(recovery: Readonly<Record<string, string>>): Promise<PostgresServer>
}

export interface PostgresServerOptions {
  /** Settings such as `{ max_connections: '5' }`. */
  settings?: Readonly<Record<string, string>>
  /** Default: a free one. */
  port?: number
  /** Arguments of initdb besides. */
  initdb?: readonly string[]
  /** Lines of pg_hba.conf, which come before those that let everybody in. */
  hba?: readonly string[]
  /** PEM. The server offers TLS then. */
  tls?: { readonly cert: string; readonly key: string }
}

const startsWithin = 60_000

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '16MB',
  // What is killed are processes, not the machine: the system keeps what they have written.
  fsync: 'off',
  max_connections: '60',
  logging_collector: 'off',
  autovacuum_naptime: '5s',
  // Otherwise a backup for one standby drops what another, that has not come back yet, still lacks.
  wal_keep_size: '256MB',
  log_statement: 'none',
}

/** What ends the servers that run, if this process ends before them. */
const atExit = new Set<() => void>()
process.once('exit', () => {
  for (const kill of atExit) kill()
})

/** A PostgreSQL server of the test's own, in a temporary folder, that ends with this process. */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const folder = newFolder()
  const data = join(folder, 'data')
  const { settings = {}, hba, tls, port, initdb = [] } = options
  await run('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N', ...initdb])
  if (hba) {
    const file = join(data, 'pg_hba.conf')
    writeFileSync(file, [...hba, readFileSync(file, 'utf8')].join('\n'))
  }
  return serve(folder, tls ? { ...settings, ...withTls(folder, tls) } : settings, port ?? (await freePort()))
}

/** The settings for TLS; the server reads its key only if nobody else may. */
function withTls(folder: string, { cert, key }: { cert: string; key: string }): Record<string, string> {
  const user = unprivilegedUser()
  const [ssl_cert_file, ssl_key_file] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  for (const [file, text] of [
    [ssl_cert_file, cert],
    [ssl_key_file, key],
  ] as const) {
    writeFileSync(file, text, { mode: 0o600 })
    if (user) chownSync(file, user.uid, user.gid)
  }
  return { ssl: 'on', ssl_cert_file, ssl_key_file }
}

async function serve(
  folder: string,
  settings: Readonly<Record<string, string>>,
  port: number,
): Promise<PostgresServer> {
  const start = () => launch(folder, port, settings)
  let running = await start()
  const urlOf = (role: string, password = '') =>
    `postgres://${role}${password && `:${password}`}@127.0.0.1:${port}/postgres`
  const query = (sql: string) => ask(urlOf('postgres'), sql)
  const kill = () => running.end('SIGKILL')
  return {
    url: urlOf('postgres'),
    port,
    get pid() {
      return running.postmaster.pid as number
    },
    // Immediately: what it has written is not needed any more.
    stop: async () => {
      await running.end('SIGQUIT')
      rmSync(folder, { recursive: true, force: true })
    },
    pause: () => running.signal('SIGSTOP'),
    resume: () => running.signal('SIGCONT'),
    kill,
    shutDown: () => running.end('SIGINT'),
    restart: async () => {
      await kill()
      running = await start()
    },
    query,
    urlOf,
    standby: async more => serve(await copyOf(urlOf('postgres'), '-R'), { ...settings, ...more }, await freePort()),
    promote: async () => {
      const [row] = await query('SELECT pg_promote() AS promoted')
      if (row?.promoted !== true) throw new Error(`The standby was not promoted:\n${running.log()}`)
    },
    baseBackup: async () => {
      const copy = await copyOf(urlOf('postgres'))
      return {
        restore: async recovery => {
          writeFileSync(join(copy, 'data', 'recovery.signal'), '')
          return serve(copy, { ...settings, ...recovery }, await freePort())
        },
      }
    },
    pids: () => running.pids(),
    get running() {
      return !running.isOver()
    },
    log: () => running.log(),
  }
}

interface Running {
  readonly postmaster: ChildProcess
  isOver(): boolean
  pids(): number[]
  signal(signal: NodeJS.Signals): void
  end(signal: NodeJS.Signals): Promise<void>
  log(): string
}

async function launch(folder: string, port: number, settings: Readonly<Record<string, string>>): Promise<Running> {
  const all = Object.entries({ ...SETTINGS, ...settings, port: String(port) })
  const args = ['-D', join(folder, 'data'), ...all.flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const { program } = findPostgres() ?? installPostgres()
  const stdio = ['ignore', 'ignore', 'pipe'] as ['ignore', 'ignore', 'pipe']
  const postmaster = spawn(program('postgres'), args, { stdio, ...unprivilegedUser() })
  let log = ''
  postmaster.stderr?.setEncoding('utf8').on('data', text => {
    log += text
  })
  const pid = postmaster.pid as number
  const isOver = () => postmaster.exitCode !== null || postmaster.signalCode !== null
  const signal = (name: NodeJS.Signals) => {
    // First the postmaster, which starts no more processes then.
    const signalAll = (pids: readonly number[]) => {
      for (const each of pids) send(each, name)
    }
    signalAll(isOver() ? [] : [pid])
    signalAll(childrenOf(pid))
  }
  const clear = () => {
    signal('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  atExit.add(clear)
  postmaster.once('exit', () => atExit.delete(clear))
  const end = async (name: NodeJS.Signals) => {
    if (isOver()) return
    const gone = once(postmaster, 'exit')
    const children = childrenOf(pid)
    if (name === 'SIGKILL') signal(name)
    else {
      signal('SIGCONT')
      postmaster.kill(name)
    }
    await gone
    // The memory that they share is free when all of them are gone.
    while (children.some(isAlive)) await sleep(10)
  }
  await answering(postmaster, `postgres://postgres@127.0.0.1:${port}/postgres`, () => log)
  const pids = () => (isOver() ? [] : [pid, ...childrenOf(pid)])
  return { postmaster, isOver, pids, signal, end, log: () => log }
}

async function answering(postmaster: ChildProcess, url: string, log: () => string): Promise<void> {
  const deadline = performance.now() + startsWithin
  while (performance.now() < deadline) {
    if (postmaster.exitCode !== null) throw new Error(`The PostgreSQL server ended at once:\n${log()}`)
    if (await ask(url, 'SELECT 1').catch(() => undefined)) return
    await sleep(30)
  }
  postmaster.kill('SIGQUIT')
  throw new Error(`The PostgreSQL server does not answer:\n${log()}`)
}

/** Runs statements on a connection of its own; the rows of the last one. */
export async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const results = (await client.query(sql)) as unknown as { rows: Record<string, unknown>[] }
    return (Array.isArray(results) ? results.at(-1) : results).rows
  } finally {
    await client.end()
  }
}

/** A folder with the data of a server that runs. */
async function copyOf(url: string, ...more: string[]): Promise<string> {
  const copy = newFolder()
  await run('pg_basebackup', ['-D', join(copy, 'data'), '-d', url, '-X', 'stream', '-c', 'fast', ...more])
  return copy
}

/** A folder that the user who runs PostgreSQL owns. */
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'koa-authx-postgres-'))
  const user = unprivilegedUser()
  if (user) chownSync(folder, user.uid, user.gid)
  return folder
}

async function run(name: string, args: readonly string[]): Promise<void> {
  const { program } = findPostgres() ?? installPostgres()
  const child = spawn(program(name), args, { stdio: ['ignore', 'ignore', 'pipe'], ...unprivilegedUser() })
  const [[status], said] = await Promise.all([once(child, 'close'), text(child.stderr)])
  if (status !== 0) throw new Error(`${name} failed: ${said}`)
}

/** The processes whose parent is `parent`. Each of them has a process group of its own. */
function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return pids.map(Number).filter(pid => parentOf(pid) === parent)
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(/\) \S (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1])
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone already.
  }
}
