/**
 * Writes docs/api from the doc comments of all that the package exports: `npm run docs:api`. With `--check` it keeps no
 * page. Either way it fails if something public has no doc comment, or a link in one leads nowhere.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { writeReference } from './write.js'

const complaints = process.argv.includes('--check')
  ? check()
  : writeReference(resolve(import.meta.dirname, '../../docs/api'))
for (const complaint of complaints) console.error(complaint)
if (complaints.length > 0) process.exitCode = 1
else console.log('Everything public is documented.')

function check(): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'koa-authx-api-'))
  try {
    return writeReference(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
