import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.js'
import { ask, type PostgresServer } from './postgres.js'
import { findPgBouncer, unprivilegedUser } from './postgres-binary.js'
import { until } from './until.js'

export interface PgBouncer {
  readonly url: string
  /** RELOAD with another host and port: resolves when the other server answers. */
  lead(server: PostgresServer): Promise<void>
  stop(): Promise<void>
}

/** A PgBouncer before `server`, in transaction mode and without any setting that makes life easier. */
export async function startPgBouncer(
  server: PostgresServer,
  settings: Readonly<Record<string, string>> = {},
): Promise<PgBouncer> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'koa-authx-pgbouncer-'))
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: join(folder, 'users.txt'),
    pool_mode: 'transaction',
    default_pool_size: '2',
    max_client_conn: '200',
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  const configure = (to: number) => {
    const databases = `[databases]\npostgres = host=127.0.0.1 port=${to}\n`
    writeFileSync(join(folder, 'pgbouncer.ini'), `${databases}[pgbouncer]\n${lines.join('\n')}\n`)
  }
  writeFileSync(join(folder, 'users.txt'), '"postgres" ""\n')
  configure(server.port)
  const user = unprivilegedUser()
  if (user) chownSync(folder, user.uid, user.gid)
  const bouncer = spawn(findPgBouncer(), [join(folder, 'pgbouncer.ini')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...user,
  })
  const clear = () => {
    bouncer.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', clear)
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  await answering(bouncer, url)
  return {
    url,
    lead: async ({ port: to }) => {
      configure(to)
      bouncer.kill('SIGHUP')
      await until(async () => {
        const [row] = await ask(url, 'SELECT inet_server_port() AS port')
        return row?.port === to
      }, 30_000)
    },
    stop: async () => {
      process.off('exit', clear)
      const gone = once(bouncer, 'exit')
      clear()
      await gone
    },
  }
}

async function answering(bouncer: ChildProcess, url: string): Promise<void> {
  let log = ''
  bouncer.stderr?.setEncoding('utf8').on('data', text => {
    log += text
  })
  await until(async () => {
    if (bouncer.exitCode !== null) throw new Error(`PgBouncer ended at once:\n${log}`)
    await ask(url, 'SELECT 1')
  }, 30_000)
}
