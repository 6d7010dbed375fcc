import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Block, complaintsAbout, servers } from '../support/markdown.js'
import { pages } from './all-pages.js'

describe('the code of all pages', () => {
  test('compiles, the TypeScript strictly', async t => {
    // JavaScript that is served is run, and reads bodies that the compiler knows nothing of.
    const compiled = [...pages].map(([page, blocks]): [string, Block[]] => {
      const served = servers(blocks).map(({ server }) => server)
      return [page, blocks.filter(block => block.language !== 'js' || !served.includes(block))]
    })
    assert.equal(await complaintsAbout(t, new Map(compiled)), '')
  })
})
