import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Backends } from './backends.js'
import { median } from './figures.js'
import { pinned } from './pinned.js'
import { ServerProcess } from './server-process.js'
import { temporaryFolder } from './temporary.js'

const HERE = import.meta.dirname
const ROOT = join(HERE, '..')

export interface StoredSize {
  readonly store: string
  /** For each live session, with all that a login writes. */
  readonly bytes: number
}

/** What `logins` real logins, each of another subject, leave in each store. */
export async function sessionBytes(logins: number, backends: Backends): Promise<StoredSize[]> {
  const sizes: StoredSize[] = []
  for (const kind of ['memory', 'sqlite', 'redis', 'postgres'] as const) {
    const server = await ServerProcess.start(`flows/${kind}`, backends)
    try {
      const size = sizeIn(kind, server, backends)
      const login = (count: number) =>
        server.ask({ do: 'tokens', kind: 'access', count, file: join(server.folder, 'tokens') })
      // Connections, tables and compiled code are not the sessions'.
      await login(1000)
      const before = await size()
      await login(logins)
      sizes.push({ store: kind, bytes: ((await size()) - before) / logins })
    } finally {
      await server.stop()
    }
  }
  await backends.clear()
  return sizes
}

function sizeIn(
  kind: 'memory' | 'sqlite' | 'redis' | 'postgres',
  server: ServerProcess,
  backends: Backends,
): () => Promise<number> {
  if (kind === 'memory') return () => server.ask({ do: 'memory' })
  if (kind !== 'sqlite') return () => backendBytes(kind, backends)
  return async () => sizeOf(server.folder, name => name.startsWith('tokens.sqlite') && !name.endsWith('-shm'))
}

/** How large all records are in a backend, with their indexes. */
export async function backendBytes(kind: 'redis' | 'postgres', { redis, postgres }: Backends): Promise<number> {
  if (kind === 'redis') return Number(/used_memory:(\d+)/.exec(await redis.command('INFO', 'memory'))?.[1])
  const sql = "SELECT pg_total_relation_size('koa_authx') AS bytes"
  return Number((await postgres.query(sql))[0]?.bytes)
}

export interface ImportTime {
  readonly what: string
  /** Milliseconds of a whole process, the median. */
  readonly process: number
  /** Milliseconds more than the process that imports nothing, the median over the rounds. */
  readonly more: number
}

const IMPORTED: readonly (readonly string[])[] = [
  [],
  ['koa'],
  ['jsonwebtoken'],
  ['koa', 'jsonwebtoken'],
  ['koa-authx'],
  ['koa-authx', 'koa-authx/stores/memory'],
  ['koa-authx', 'koa-authx/stores/sqlite'],
  ['koa-authx', 'koa-authx/stores/redis'],
  ['koa-authx', 'koa-authx/stores/postgres'],
  ['koa-jwt'],
  ['express-jwt'],
  ['passport', 'passport-jwt'],
  ['@fastify/jwt'],
]

/** Whole processes that import something and end, in turn. */
export function importTimes(rounds: number): ImportTime[] {
  const times = Array.from({ length: rounds }, () => IMPORTED.map(timeOfImport))
  return IMPORTED.map((names, n) => ({
    what: names.join(', ') || 'nothing',
    process: median(times.map(round => round[n] as number)),
    more: median(times.map(round => (round[n] as number) - (round[0] as number))),
  }))
}

function timeOfImport(names: readonly string[]): number {
  const program = names.map(name => `import '${name}'`).join('\n')
  const args = ['--input-type=module', '--eval', `${program}\nprocess.exit()`]
  const started = performance.now()
  run(...pinned('server', process.execPath, args), HERE)
  return performance.now() - started
}

export interface InstalledSize {
  readonly what: string
  readonly packages: number
  readonly bytes: number
  /** Of these, the package itself. */
  readonly own: number
}

/** What npm puts into an empty project, without peers: Koa, Express and Fastify are there already. */
export function installedSizes(): InstalledSize[] {
  const folder = temporaryFolder()
  try {
    run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], ROOT)
    const [tarball = ''] = readdirSync(folder)
    const others = ['jsonwebtoken', 'koa-jwt', 'express-jwt', 'passport-jwt', '@fastify/jwt']
    const packages = others.map(name => [name, `${name}@${versionOf(name)}`] as const)
    const all = [['koa-authx', join(folder, tarball)] as const, ...packages]
    return all.map(([name, from]) => installed(join(folder, 'project'), name, from))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function installed(project: string, name: string, from: string): InstalledSize {
  rmSync(project, { recursive: true, force: true })
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{"private":true}')
  const options = ['--legacy-peer-deps', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']
  run('npm', ['install', ...options, from], project)
  const lock = readFileSync(join(project, 'node_modules/.package-lock.json'), 'utf8')
  return {
    what: name,
    packages: Object.keys(JSON.parse(lock).packages).length,
    bytes: sizeOf(join(project, 'node_modules')),
    own: sizeOf(join(project, 'node_modules', name)),
  }
}

/** The version of a package that the benchmarks have. */
export function versionOf(name: string): string {
  return JSON.parse(readFileSync(join(HERE, 'node_modules', name, 'package.json'), 'utf8')).version
}

function sizeOf(folder: string, counts: (name: string) => boolean = () => true): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(counts)
  const files = names.map(name => statSync(join(folder, name))).filter(file => file.isFile())
  return files.reduce((sum, { size }) => sum + size, 0)
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, error, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`)
}
