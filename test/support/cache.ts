import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Git ignores it, and `npm ci` clears it away. */
const CACHE = resolve(import.meta.dirname, '../../node_modules/.cache/koa-authx')

/**
 * A folder of the cache. At first use `make` makes it below an empty folder that it is given and says where; it is moved
 * then, so that a run that is ended half way leaves nothing that looks whole.
 */
export function cached(name: string, make: (beside: string) => string): string {
  const folder = join(CACHE, name)
  if (existsSync(folder)) return folder
  mkdirSync(CACHE, { recursive: true })
  const beside = mkdtempSync(join(CACHE, 'making-'))
  try {
    renameSync(make(beside), folder)
  } finally {
    rmSync(beside, { recursive: true, force: true })
  }
  return folder
}
