import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { emitDeclarations, publishedPaths } from '../support/declarations.js'
import { type Block, complaintsAbout, servers } from '../support/markdown.js'
import { temporaryFolder } from '../support/temporary.js'
import { pages } from './all-pages.js'

describe('the code of all pages', () => {
  test('compiles, the TypeScript strictly and with exactOptionalPropertyTypes', async t => {
    // JavaScript that is served is run, and reads bodies that the compiler knows nothing of.
    const compiled = [...pages].map(([page, blocks]): [string, Block[]] => {
      const served = servers(blocks).map(({ server }) => server)
      return [page, blocks.filter(block => block.language !== 'js' || !served.includes(block))]
    })
    assert.equal(await complaintsAbout(t, new Map(compiled)), '')
    // Against the declarations that are published: the sources are compiled by their own rules.
    const { folder, remove } = await temporaryFolder()
    t.after(remove)
    await emitDeclarations(folder)
    const exact = { exactOptionalPropertyTypes: true, paths: publishedPaths(folder) }
    assert.equal(await complaintsAbout(t, new Map(compiled), exact), '')
  })
})
