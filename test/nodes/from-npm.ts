import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { cached } from '../support/cache.js'

/** A package unpacked as it is, without its dependencies. */
export interface Unpacked {
  readonly version: string
  readonly folder: string
}

/** The newest version of a package in a range, from npm's registry or from what was fetched before. */
export function fetchPackage(name: string, range: string): Unpacked {
  const version = newest(name, range)
  return {
    version,
    folder: cached(`${name.replaceAll('/', '-')}-${version}`, beside => unpack(`${name}@${version}`, beside)),
  }
}

function newest(name: string, range: string): string {
  const answer: unknown = JSON.parse(npm(['view', `${name}@${range}`, 'version', '--json']))
  const last = [answer].flat().map(String).sort(byNumbers).at(-1)
  if (!last) throw new Error(`npm has no ${name}@${range}`)
  return last
}

function byNumbers(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

function unpack(spec: string, folder: string): string {
  console.error(`Fetching ${spec}`)
  const tarball = npm(['pack', '--silent', '--pack-destination', folder, spec]).trim()
  execFileSync('tar', ['-xzf', join(folder, tarball), '-C', folder])
  return join(folder, 'package')
}

function npm(args: readonly string[]): string {
  return execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}
