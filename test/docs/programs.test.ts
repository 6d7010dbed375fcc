import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Program } from '../examples/programs.js'
import { printing, projectFor } from '../support/markdown.js'
import { pages } from './all-pages.js'

// Most of the time of a program is the start of its process.
describe('a program', { concurrency: 2 }, () => {
  for (const [page, blocks] of pages) {
    for (const [n, [program, printed]] of printing(blocks).entries()) {
      test(`of ${page} (${n + 1}) prints what the page says`, async t => {
        const folder = await projectFor(t)
        writeFileSync(join(folder, 'program.mts'), program.code)
        const started = new Program('./program.mts', folder)
        assert.equal(await started.exitCode(), 0, started.stderr)
        assert.equal(started.stdout, printed)
        assert.equal(started.stderr, '')
      })
    }
  }
})
