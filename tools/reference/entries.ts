import { readFileSync } from 'node:fs'
import { join, posix, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')

/** Something that the package exports: its source, and its page in the reference. */
export interface Entry {
  /** From the root of the repository. */
  readonly source: string
  /** From the folder of the reference. */
  readonly page: string
}

/** All that package.json exports, but for package.json itself. */
export function entries(): Entry[] {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { types: string }>
  }
  return Object.entries(exports).flatMap(([name, target]) =>
    typeof target === 'string' ? [] : [{ source: sourceOf(target.types), page: pageOf(name) }],
  )
}

const sourceOf = (types: string) => types.replace(/^\.\/dist\//, '').replace(/\.d\.ts$/, '.ts')

const pageOf = (name: string) => posix.join('koa-authx', name, 'index.md')
