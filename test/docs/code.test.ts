import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { emitDeclarations, publishedPaths } from '../support/declarations.js'
import { type Block, complaintsAbout, readPage, servers } from '../support/markdown.js'
import { runnerFiles } from '../support/runner-projects.js'
import { temporaryFolder } from '../support/temporary.js'
import { pages } from './all-pages.js'
import { printedFiles } from './printed-files.js'

describe('the code of all pages', () => {
  test('compiles, the TypeScript strictly and with exactOptionalPropertyTypes', async t => {
    // JavaScript that is served is run, and reads bodies that the compiler knows nothing of.
    // The changelog shows what was right before, too: changelog.test.ts compiles it.
    const present = [...pages].filter(([page]) => page !== 'CHANGELOG.md')
    const compiled = present.map(([page, blocks]): [string, Block[]] => {
      const served = servers(blocks).map(({ server }) => server)
      // Parts of files are compiled with their files. The projects for test runners are run: test/package/runners.ts.
      const printed = [...printedFiles(readPage(page)).map(({ code }) => code), ...runnerFiles()]
      const isCompiled = (block: Block) => block.language !== 'js' || !served.includes(block)
      return [page, blocks.filter(block => isCompiled(block) && !printed.includes(block.code))]
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
