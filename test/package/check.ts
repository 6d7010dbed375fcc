/**
 * Packs the package, installs it into empty projects as a user would and looks at what they get: `npm run check:package`.
 * Takes what it installs from npm's registry.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkMadeCommonJs } from './made-common-js.js'
import {
  asDeveloped,
  bin,
  compile,
  consumer,
  ENTRIES,
  importAll,
  issueTokens,
  manifest,
  OPTIONAL_PEERS,
  project,
  requireAll,
  root,
  run,
  specifier,
  step,
} from './project.js'
import { runQuickstart } from './quickstart.js'
import { packReproducibly } from './reproducible.js'
import { runnerProject, runPrinted } from './runners.js'
import { checkSettings } from './settings.js'

/** The entries that work with nothing but the package and Koa. */
const PLAIN = ['.', './client', './stores/keyv', './stores/memory', './testing']

const tarball = packReproducibly()
lint()
checkBare()
checkPlain()
checkRouter()
checkRunner()
await checkFull()
await checkOldKoa()
console.log('\nThe package is good.')

function lint(): void {
  step('Compilers that do not read exports find the same declarations')
  const { '.': main, './package.json': _, ...others } = manifest.exports
  const types = Object.entries(others).map(([entry, at]) => [entry.slice(2), [at.types]])
  assert.deepEqual([manifest.main, manifest.types], [main?.default, main?.types])
  assert.deepEqual(manifest.typesVersions['*'], Object.fromEntries(types))
  step('publint')
  run(bin('publint'), ['run', tarball, '--strict'], root)
  step('attw')
  run(bin('attw'), [tarball, '--profile', 'esm-only', '--no-emoji'], root)
}

/** A program in JavaScript: npm installs nothing with the package but jsonwebtoken and keyv. */
function checkBare(): void {
  const path = project('bare', [tarball])
  step('Nothing comes with the package but jsonwebtoken, keyv and the peer koa, with what they need')
  const all = packagesOf(path)
  const expected = new Set(['koa-authx', ...['jsonwebtoken', 'keyv', 'koa'].flatMap(name => closureOf(name, all))])
  assert.deepEqual(Object.keys(all).sort(), [...expected].sort())
  importAll(path, PLAIN)
}

function checkPlain(): void {
  const path = project('plain', [tarball, ...asDeveloped(['koa', '@types/koa'])])
  step('A project on the memory store has nothing native and no optional peer')
  assert.deepEqual(nativeParts(path), [])
  assert.deepEqual(installed(path, ['better-sqlite3', ...OPTIONAL_PEERS]), [])
  importAll(path, PLAIN)
  const lines = PLAIN.map((entry, n) => `export * as entry${n} from '${specifier(entry)}'\n`)
  compile(path, lines.join(''), [bin('tsc')])
  issueTokens(path, 'MemoryTokenStore', './stores/memory', '')
  compileForBrowsers(path)
  checkSettings(path, '7', [bin('tsc')])
}

/** `authRouter` needs no body parser. */
function checkRouter(): void {
  const path = project('router', [tarball, ...asDeveloped(['koa', '@koa/router'])])
  assert.deepEqual(installed(path, ['koa-body', '@koa/bodyparser', 'koa-bodyparser']), [])
  importAll(path, ['./router'])
}

/** The lightest; `npm run check:everywhere` runs all that docs/testing.md prints. */
function checkRunner(): void {
  const { printed, path } = runnerProject('node:test', tarball)
  runPrinted(path, printed)
}

async function checkFull(): Promise<void> {
  const path = project('full', [tarball, ...asDeveloped(['koa', '@types/koa', ...OPTIONAL_PEERS])])
  importAll(path, ENTRIES)
  requireAll(path, [...ENTRIES, './package.json'])
  compile(path, consumer(), [bin('tsc')])
  await runQuickstart(path)
  await checkMadeCommonJs(path)
}

/** With the types that users of Koa 2 have. */
async function checkOldKoa(): Promise<void> {
  const path = project('old-koa', [tarball, 'koa@2.16', '@types/koa@2', ...asDeveloped(OPTIONAL_PEERS)])
  compile(path, consumer(), [bin('tsc')])
  await runQuickstart(path)
}

interface Locked {
  readonly hasInstallScript?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
}

/** What npm installed, by name. */
function packagesOf(path: string): Record<string, Locked> {
  const lock = JSON.parse(readFileSync(join(path, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> }
  const named = Object.entries(lock.packages).map(([place, each]) => [place.split('node_modules/').pop() ?? '', each])
  return Object.fromEntries(named.filter(([name]) => name !== ''))
}

/** The package, and all that it needs. */
function closureOf(name: string, all: Record<string, Locked>, found = new Set<string>()): string[] {
  if (found.has(name)) return []
  found.add(name)
  for (const next of Object.keys(all[name]?.dependencies ?? {})) closureOf(next, all, found)
  return [...found]
}

function nativeParts(path: string): string[] {
  const packages = packagesOf(path)
  const scripted = Object.keys(packages).filter(name => packages[name]?.hasInstallScript)
  const files = readdirSync(join(path, 'node_modules'), { recursive: true, encoding: 'utf8' })
  return [...scripted, ...files.filter(file => file.endsWith('.node') || file.endsWith('binding.gyp'))]
}

function installed(path: string, names: readonly string[]): string[] {
  const there = readdirSync(join(path, 'node_modules'), { recursive: true, encoding: 'utf8' })
  return names.filter(name => there.some(file => file === name || file.endsWith(`node_modules/${name}`)))
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
