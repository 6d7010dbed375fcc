/**
 * Builds the documentation site into tools/site/dist: `npm run docs:site`. Fails if a doc comment is missing, or
 * if a link of the site leads nowhere.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installPackages, runIn } from '../packages.js'
import { writeReference } from '../reference/write.js'
import { deadLinks } from './dead-links.js'
import { frontPage } from './front-page.js'
import { BASE, HOMEPAGE, ROOT } from './manifest.js'
import { PAGES } from './pages.js'

const HERE = import.meta.dirname
const STAGED = join(HERE, 'staged')

installPackages(HERE)
stage()
stopAt(writeReference(join(STAGED, 'api')))
runIn(HERE, process.execPath, [join(HERE, 'node_modules/vitepress/bin/vitepress.js'), 'build'])
stopAt(deadLinks(join(HERE, 'dist'), { base: BASE, homepage: HOMEPAGE }))

/** Copies the pages to where VitePress reads them: it wants all of them in one folder. */
function stage(): void {
  rmSync(STAGED, { recursive: true, force: true })
  mkdirSync(STAGED)
  cpSync(join(ROOT, 'docs/images'), join(STAGED, 'images'), { recursive: true })
  for (const [source, page] of PAGES) cpSync(join(ROOT, source), join(STAGED, page))
  writeFileSync(join(STAGED, 'index.md'), frontPage())
}

function stopAt(complaints: readonly string[]): void {
  if (complaints.length === 0) return
  for (const complaint of complaints) console.error(complaint)
  process.exit(1)
}
