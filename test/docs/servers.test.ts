import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answersOf, readPage, servers } from '../support/markdown.js'
import { pages } from './all-pages.js'

describe('a server', () => {
  for (const [page, blocks] of pages) {
    for (const [n, served] of servers(blocks).entries()) {
      test(`of ${page} (${n + 1}) answers the lines of shell after it as printed`, async t => {
        for (const { printed, complaints } of await answersOf(t, served)) {
          assert.equal(printed, served.printed)
          assert.doesNotMatch(complaints, /Error/)
          // The page prepares the reader for warnings.
          for (const [, code = ''] of complaints.matchAll(/\[(\w+)\] AuthXWarning/g)) {
            assert.ok(readPage(page).includes(`\`${code}\``), complaints)
          }
        }
      })
    }
  }
})
