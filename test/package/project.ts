import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

interface Manifest {
  readonly exports: Record<string, { readonly types: string; readonly default: string }>
  readonly main: string
  readonly types: string
  readonly typesVersions: { readonly '*': Record<string, readonly string[]> }
  readonly devDependencies: Record<string, string>
  readonly peerDependencies: Record<string, string>
}

/** The programs that a project is made and run with: paths, and for npm whatever comes before its arguments. */
export interface Tools {
  readonly node: string
  /** What comes before the file of a program; nothing for Node. */
  readonly runArgs?: readonly string[]
  readonly npm: readonly [string, ...string[]]
  readonly env: NodeJS.ProcessEnv
}

export const root = resolve(import.meta.dirname, '../..')
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
/** All entries of the package but `./package.json`. */
export const ENTRIES = Object.keys(manifest.exports).filter(entry => entry !== './package.json')
/** What they need besides what npm installs with the package, and the body parser of the README's quickstart. */
export const OPTIONAL_PEERS = ['@keyv/redis', '@koa/router', 'jose', 'koa-body', 'pg']
/** Those of our own. */
export const OURS: Tools = { node: process.execPath, npm: ['npm'], env: process.env }

const folder = mkdtempSync(join(tmpdir(), 'koa-authx-package-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

/** Packs the sources at `from`, with more variables in the environment of npm. */
export function pack(from = root, env: NodeJS.ProcessEnv = {}): string {
  step('npm pack')
  const tarballs = mkdtempSync(join(folder, 'packed-'))
  run('npm', ['pack', '--silent', '--pack-destination', tarballs], from, { ...OURS, env: { ...process.env, ...env } })
  const [name, ...more] = readdirSync(tarballs)
  assert.ok(name && more.length === 0, 'npm pack made one file')
  return join(tarballs, name)
}

/** A new folder, which is removed when this process ends. */
export function newFolder(name: string): string {
  return mkdtempSync(join(folder, `${name}-`))
}

/** Names with the ranges that package.json has for development. */
export function asDeveloped(names: readonly string[]): string[] {
  return names.map(name => `${name}@${manifest.devDependencies[name]}`)
}

/** An empty project with these packages installed. */
export function project(name: string, packages: readonly string[], tools = OURS): string {
  step(`A new project: npm install ${packages.join(' ')}`)
  const path = join(folder, name.replaceAll('/', '-'))
  mkdirSync(path)
  writeFileSync(join(path, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  const [npm, ...args] = tools.npm
  run(npm, [...args, 'install', '--no-audit', '--no-fund', ...packages], path, tools)
  return path
}

/** The version of a package that a project has. */
export function versionIn(path: string, name: string): string {
  const text = readFileSync(join(path, 'node_modules', name, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

export function importAll(path: string, entries: readonly string[], tools = OURS): void {
  step(`import: ${entries.map(specifier).join(', ')}`)
  const lines = entries.map(entry => `if (!Object.keys(await import('${specifier(entry)}')).length) throw '${entry}'`)
  evaluate(path, 'module', lines.join('\n'), tools)
}

export function requireAll(path: string, entries: readonly string[], tools = OURS): void {
  step(`require(): ${entries.map(specifier).join(', ')}`)
  const lines = entries.map(entry => `if (!Object.keys(require('${specifier(entry)}')).length) throw '${entry}'`)
  evaluate(path, 'commonjs', lines.join('\n'), tools)
}

/** Issues and verifies on a store: a class, the entry that has it, and the code of its arguments. */
export function issueTokens(path: string, store: string, entry: string, args: string, tools = OURS): void {
  step(`A token pair is issued on ${store}`)
  const program = `
    import { AuthX } from 'koa-authx'
    import { ${store} } from '${specifier(entry)}'
    const authx = new AuthX({ secretKey: 'a secret of thirty-two bytes or more', store: new ${store}(${args}) })
    const pair = await authx.createTokenPair('test')
    const payload = await authx.verifyToken(pair.access_token)
    if (payload.sub !== 'test') throw new Error('another subject')
    await authx.close()
  `
  evaluate(path, 'module', program, tools)
}

/** A user's program over all entries. */
export function consumer(): string {
  return readFileSync(join(import.meta.dirname, 'consumer.ts'), 'utf8')
}

/** Compiles a program with our declarations checked too, so that they name nothing the project does not have. */
export function compile(path: string, program: string, tsc: readonly [string, ...string[]]): void {
  writeFileSync(join(path, 'consumer.ts'), program)
  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    step(`tsc --moduleResolution ${moduleResolution}`)
    const options = { module, moduleResolution, target: 'es2022', strict: true, noEmit: true, skipLibCheck: false }
    writeFileSync(join(path, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }))
    const [command, ...args] = tsc
    run(command, [...args, '--project', path], path)
  }
}

export function specifier(entry: string): string {
  return entry.replace('.', 'koa-authx')
}

export function bin(name: string): string {
  return join(root, 'node_modules', '.bin', name)
}

export function step(title: string): void {
  console.log(`\n- ${title}`)
}

export function evaluate(path: string, type: 'module' | 'commonjs', code: string, tools: Tools): void {
  run(tools.node, [`--input-type=${type}`, '--eval', code], path, tools)
}

/** Runs a program to its end with its output shown; throws where it fails. */
export function run(command: string, args: readonly string[], cwd: string, { env } = OURS): void {
  const { status, error } = spawnSync(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) throw error
  assert.equal(status, 0, `${command} ${args.join(' ')} ended with ${status}`)
}
