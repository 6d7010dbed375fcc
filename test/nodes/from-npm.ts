import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Git ignores it, and `npm ci` clears it away. */
const CACHE = resolve(import.meta.dirname, '../../node_modules/.cache/koa-authx')

/** A package unpacked as it is, without its dependencies. */
export interface Unpacked {
  readonly version: string
  readonly folder: string
}

/** The newest version of a package in a range, from npm's registry or from what was fetched before. */
export function fetchPackage(name: string, range: string): Unpacked {
  const version = newest(name, range)
  const folder = join(CACHE, `${name}-${version}`)
  if (!existsSync(folder)) unpack(`${name}@${version}`, folder)
  return { version, folder }
}

function newest(name: string, range: string): string {
  const answer: unknown = JSON.parse(npm(['view', `${name}@${range}`, 'version', '--json']))
  const versions = [answer].flat().map(String).sort(byNumbers)
  const last = versions.at(-1)
  if (!last) throw new Error(`npm has no ${name}@${range}`)
  return last
}

function byNumbers(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

/** Unpacks beside and renames: a run that is ended half way leaves nothing that looks whole. */
function unpack(spec: string, folder: string): void {
  console.error(`Fetching ${spec}`)
  mkdirSync(CACHE, { recursive: true })
  const beside = mkdtempSync(join(CACHE, 'unpacking-'))
  try {
    const tarball = npm(['pack', '--silent', '--pack-destination', beside, spec]).trim()
    execFileSync('tar', ['-xzf', join(beside, tarball), '-C', beside])
    renameSync(join(beside, 'package'), folder)
  } finally {
    rmSync(beside, { recursive: true, force: true })
  }
}

function npm(args: readonly string[]): string {
  return execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}
