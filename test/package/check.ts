/**
 * Packs the package, installs it into empty projects as a user would and looks at what they get: `npm run check:package`.
 * Takes what it installs from npm's registry.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

interface Manifest {
  readonly exports: Record<string, unknown>
  readonly devDependencies: Record<string, string>
}

/** What the other entries of `exports` need besides what npm installs with the package. */
const OPTIONAL_PEERS = ['@keyv/redis', '@koa/router', 'koa-body']
/** The entries that work with nothing but the package and Koa. */
const PLAIN = ['.', './client', './stores/keyv', './stores/memory', './testing']

const root = resolve(import.meta.dirname, '../..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
const folder = mkdtempSync(join(tmpdir(), 'koa-authx-package-'))

try {
  main()
  console.log('\nThe package is good.')
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function main(): void {
  const tarball = pack()
  lint(tarball)

  const plain = project('plain', [tarball, `koa@${manifest.devDependencies.koa}`])
  step('A project on the memory store has nothing native and no optional peer')
  assert.deepEqual(nativeParts(plain), [])
  assert.deepEqual(installed(plain, ['better-sqlite3', ...OPTIONAL_PEERS]), [])
  importAll(plain, PLAIN)
  compile(plain, PLAIN)
  issueTokens(plain)
  compileForBrowsers(plain)

  const entries = Object.keys(manifest.exports).filter(entry => entry !== './package.json')
  const peers = OPTIONAL_PEERS.map(name => `${name}@${manifest.devDependencies[name]}`)
  const full = project('full', [tarball, `koa@${manifest.devDependencies.koa}`, ...peers])
  importAll(full, entries)
  requireAll(full, [...entries, './package.json'])
  compile(full, entries)
}

function pack(): string {
  step('npm pack')
  const tarballs = join(folder, 'packed')
  mkdirSync(tarballs)
  run('npm', ['pack', '--silent', '--pack-destination', tarballs], root)
  const [name, ...more] = readdirSync(tarballs)
  assert.ok(name && more.length === 0, 'npm pack made one file')
  return join(tarballs, name)
}

function lint(tarball: string): void {
  step('publint')
  run(bin('publint'), ['run', tarball, '--strict'], root)
  step('attw')
  run(bin('attw'), [tarball, '--profile', 'esm-only', '--no-emoji'], root)
}

/** An empty project with these packages installed. */
function project(name: string, packages: readonly string[]): string {
  step(`A new project: npm install ${packages.join(' ')}`)
  const path = join(folder, name)
  mkdirSync(path)
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name, private: true, type: 'module' }))
  run('npm', ['install', '--no-audit', '--no-fund', ...packages], path)
  return path
}

function nativeParts(path: string): string[] {
  const lock = JSON.parse(readFileSync(join(path, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { hasInstallScript?: boolean }>
  }
  const scripted = Object.keys(lock.packages).filter(name => lock.packages[name]?.hasInstallScript)
  const files = readdirSync(join(path, 'node_modules'), { recursive: true, encoding: 'utf8' })
  return [...scripted, ...files.filter(file => file.endsWith('.node') || file.endsWith('binding.gyp'))]
}

function installed(path: string, names: readonly string[]): string[] {
  const there = readdirSync(join(path, 'node_modules'), { recursive: true, encoding: 'utf8' })
  return names.filter(name => there.some(file => file === name || file.endsWith(`node_modules/${name}`)))
}

function importAll(path: string, entries: readonly string[]): void {
  step(`import: ${entries.map(specifier).join(', ')}`)
  const lines = entries.map(entry => `if (!Object.keys(await import('${specifier(entry)}')).length) throw '${entry}'`)
  node(path, ['--input-type=module', '--eval', lines.join('\n')])
}

function requireAll(path: string, entries: readonly string[]): void {
  step(`require(): ${entries.map(specifier).join(', ')}`)
  const lines = entries.map(entry => `if (!Object.keys(require('${specifier(entry)}')).length) throw '${entry}'`)
  node(path, ['--input-type=commonjs', '--eval', lines.join('\n')])
}

function issueTokens(path: string): void {
  step('A token pair is issued on the memory store')
  const program = `
    import { AuthX } from 'koa-authx'
    import { MemoryTokenStore } from 'koa-authx/stores/memory'
    const authx = new AuthX({ secretKey: 'a secret of thirty-two bytes or more', store: new MemoryTokenStore() })
    const pair = await authx.createTokenPair('test')
    const payload = await authx.verifyToken(pair.access_token)
    if (payload.sub !== 'test') throw new Error('another subject')
    await authx.close()
  `
  node(path, ['--input-type=module', '--eval', program])
}

/** Compiles a consumer with our declarations checked too, so that they name nothing the project does not have. */
function compile(path: string, entries: readonly string[]): void {
  const lines = entries.map((entry, n) => `export * as entry${n} from '${specifier(entry)}'`)
  writeFileSync(join(path, 'consumer.ts'), `${lines.join('\n')}\n`)
  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    step(`tsc --moduleResolution ${moduleResolution}: ${entries.map(specifier).join(', ')}`)
    const options = { module, moduleResolution, target: 'es2022', strict: true, noEmit: true, skipLibCheck: false }
    writeFileSync(join(path, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }))
    run(bin('tsc'), ['--project', path], path)
  }
}

/** A page knows nothing of Node, and neither may what it imports. */
function compileForBrowsers(path: string): void {
  step('tsc for browsers: koa-authx/client')
  const program = `
    import { AuthXClient } from 'koa-authx/client'
    export const client = new AuthXClient({ tokens: 'cookies' })
    export const answer: Promise<Response> = client.fetch('/notes', { method: 'POST', credentials: 'same-origin' })
  `
  writeFileSync(join(path, 'page.ts'), program)
  const lib = ['ES2022', 'DOM', 'DOM.Iterable']
  const shape = { module: 'esnext', moduleResolution: 'bundler', target: 'es2022', lib, types: [] }
  const options = { ...shape, strict: true, noEmit: true, skipLibCheck: false }
  writeFileSync(join(path, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['page.ts'] }))
  run(bin('tsc'), ['--project', path], path)
}

function specifier(entry: string): string {
  return entry.replace('.', 'koa-authx')
}

function bin(name: string): string {
  return join(root, 'node_modules', '.bin', name)
}

function node(path: string, args: readonly string[]): void {
  run(process.execPath, args, path)
}

function step(title: string): void {
  console.log(`\n- ${title}`)
}

/** Runs a program to its end with its output shown; throws where it fails. */
function run(command: string, args: readonly string[], cwd: string): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) throw error
  assert.equal(status, 0, `${command} ${args.join(' ')} ended with ${status}`)
}
