import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { installPackages } from '../packages.js'
import { entries, ROOT } from './entries.js'

const HERE = import.meta.dirname

/** What a nameless type holds, such as `{ token }` of a guard, is told by what it belongs to. */
const NAMELESS = /\.__type\.\S+ \(\w+\), .* does not have any documentation$/

/**
 * Writes the pages of the reference into `folder`, from the doc comments of all that the package exports. Returns what is
 * wrong with them, one line each: something public has no doc comment, or names what is not exported; a link leads nowhere;
 * an export has no page.
 */
export function writeReference(folder: string): string[] {
  installPackages(HERE)
  const typedoc = join(HERE, 'node_modules/typedoc/bin/typedoc')
  const sources = entries().map(({ source }) => join(ROOT, source))
  const args = [typedoc, '--options', join(HERE, 'typedoc.json'), '--out', folder, ...sources]
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, { encoding: 'utf8', env: plain() })
  if (error) throw error
  const output = `${stdout}\n${stderr}`
  const complaints = output.split('\n').filter(line => /^\[(warning|error)\] (?!Found \d)/.test(line))
  if (status !== 0 && complaints.length === 0) throw new Error(`typedoc ended with ${status}: ${output}`)
  const pages = entries().map(({ page }) => page)
  return [
    ...complaints.filter(line => !NAMELESS.test(line)),
    ...pages.filter(page => !existsSync(join(folder, page))).map(page => `There is no page ${page}.`),
  ]
}

/** Without colours: the lines are read. */
function plain(): NodeJS.ProcessEnv {
  return { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' }
}
