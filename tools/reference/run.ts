/**
 * Writes docs/api from the doc comments of all that the package exports: `npm run docs:api`. With `--check` it writes
 * nothing, and fails if docs/api is not what it would write. Either way it fails if something public has no doc comment.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const HERE = import.meta.dirname
const ROOT = resolve(HERE, '../..')
const PAGES = join(ROOT, 'docs/api')

/** What a nameless type holds, such as `{ token }` of a guard, is told by what it belongs to. */
const NAMELESS = /\.__type\.\S+ \(\w+\), .* does not have any documentation$/

const checks = process.argv.includes('--check')
if (!hasPackages()) run('npm', ['ci', '--no-audit', '--no-fund'])
process.exitCode = checks ? check() : write(PAGES)

/** The exit code. */
function check(): number {
  const folder = mkdtempSync(join(tmpdir(), 'koa-authx-api-'))
  try {
    const code = write(folder)
    if (code !== 0) return code
    const stale = [...new Set([...pagesIn(folder), ...pagesIn(PAGES)])].filter(page => !isSame(page, folder))
    if (stale.length === 0) console.log('docs/api is up to date, and everything public is documented.')
    else console.error(`Not up to date: ${stale.map(page => `docs/api/${page}`).join(', ')}. Run npm run docs:api.`)
    return Math.min(stale.length, 1)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function isSame(page: string, folder: string): boolean {
  const [now, then] = [join(folder, page), join(PAGES, page)]
  return existsSync(now) && existsSync(then) && readFileSync(now).equals(readFileSync(then))
}

function pagesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.md'))
}

/** Write the pages into `folder`. The exit code. */
function write(folder: string): number {
  const typedoc = join(HERE, 'node_modules/typedoc/bin/typedoc')
  const args = [typedoc, '--options', join(HERE, 'typedoc.json'), '--out', folder, ...entries()]
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, { encoding: 'utf8', env: plain() })
  if (error) throw error
  const complaints = `${stdout}\n${stderr}`.split('\n').filter(line => /^\[(warning|error)\] (?!Found \d)/.test(line))
  const serious = complaints.filter(line => !NAMELESS.test(line))
  for (const line of serious) console.error(line)
  return status === 0 && serious.length > 0 ? 1 : (status ?? 1)
}

/** The sources of what package.json exports. */
function entries(): string[] {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { types: string }>
  }
  return Object.values(exports).flatMap(entry =>
    typeof entry === 'string' ? [] : [join(ROOT, entry.types.replace(/^\.\/dist\//, '').replace(/\.d\.ts$/, '.ts'))],
  )
}

/** Without colours: the lines are read. */
function plain(): NodeJS.ProcessEnv {
  return { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' }
}

/** Whether what is installed is what the lockfile says. */
function hasPackages(): boolean {
  const installed = join(HERE, 'node_modules/.package-lock.json')
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(HERE, 'package-lock.json')).mtimeMs
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: HERE, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
}
