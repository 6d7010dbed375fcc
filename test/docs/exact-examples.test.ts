import assert from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { root } from '../examples/programs.js'
import { emitDeclarations, publishedPaths } from '../support/declarations.js'
import { complaints } from '../support/markdown.js'
import { temporaryFolder } from '../support/temporary.js'

/** Pages print parts of these files. */
const EXAMPLES = [
  ['of servers', 'examples/**/*.ts', 'tsconfig.json'],
  ['of the client', 'examples/client/**/*', 'examples/client/tsconfig.json'],
] as const

describe('the examples compile with exactOptionalPropertyTypes, against the published declarations', async () => {
  const { folder, remove } = await temporaryFolder()
  before(() => emitDeclarations(folder))

  for (const [name, files, config] of EXAMPLES) {
    test(name, async () => {
      const exact = { exactOptionalPropertyTypes: true, paths: publishedPaths(folder) }
      const program = await mkdtemp(join(folder, 'program-'))
      assert.equal(await complaints(program, [join(root, files)], exact, config), '')
    })
  }

  after(remove)
})
