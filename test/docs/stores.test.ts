import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { blocksOf, complaints, projectFor, readPage } from '../support/markdown.js'

describe('the page of stores', () => {
  test('shows the interface TokenStore as it is', async t => {
    const folder = await projectFor(t)
    const shown = blocksOf(readPage('docs/stores.md')).find(({ code }) => code.startsWith('interface TokenStore'))
    assert.ok(shown)
    const both = `import type { TokenStore as Real } from 'koa-authx'\n${shown.code}
      export const there = (store: Real): TokenStore => store
      export const back = (store: TokenStore): Real => store`
    writeFileSync(join(folder, 'both.mts'), both)
    assert.equal(await complaints(folder, ['both.mts']), '')
  })
})
