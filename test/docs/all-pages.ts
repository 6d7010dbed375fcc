import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { PAGES } from '../../tools/site/pages.js'
import { root } from '../examples/programs.js'
import { blocksOf, readPage } from '../support/markdown.js'

/** The pages of docs/, by their path from the root of the repository. What typedoc writes is in a folder below. */
export const docs = readdirSync(join(root, 'docs'))
  .filter(name => name.endsWith('.md'))
  .map(name => `docs/${name}`)

/**
 * Every page whose code is looked at, with its blocks: the README, whose code is on the front page of the site, and all
 * other pages of the site.
 */
export const pages = new Map(['README.md', ...PAGES.keys()].map(page => [page, blocksOf(readPage(page))]))
