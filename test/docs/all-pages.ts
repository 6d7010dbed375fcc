import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../examples/programs.js'
import { blocksOf, readPage } from '../support/markdown.js'

/** The pages of docs/, by their path from the root of the repository. What typedoc writes is in a folder below. */
export const docs = readdirSync(join(root, 'docs'))
  .filter(name => name.endsWith('.md'))
  .map(name => `docs/${name}`)

/** Every page whose code is looked at, with its blocks. */
export const pages = new Map(
  ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'SUPPORT.md', ...docs].map(page => [page, blocksOf(readPage(page))]),
)
