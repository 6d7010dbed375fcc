/**
 * Builds the documentation site into tools/site/dist: `npm run docs:site`. Fails if a doc comment is missing, if a link of
 * the site leads nowhere, or if no menu reaches a page.
 */
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installPackages, runIn } from '../packages.js'
import { writeReference } from '../reference/write.js'
import { deadLinks } from './dead-links.js'
import { frontPage } from './front-page.js'
import { BASE, HOMEPAGE, ROOT } from './manifest.js'
import { unreached } from './menu.js'
import { PAGES } from './pages.js'

const HERE = import.meta.dirname
const STAGED = join(HERE, 'staged')
const REFERENCE = join(STAGED, 'api')

installPackages(HERE)
runIn(HERE, process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc')])
stage()
stopAt(writeReference(REFERENCE))
stopAt(unreached(REFERENCE).map(page => `No menu reaches ${page}.`))
runIn(HERE, process.execPath, [join(HERE, 'node_modules/vitepress/bin/vitepress.js'), 'build'])
stopAt(deadLinks(join(HERE, 'dist'), { base: BASE, homepage: HOMEPAGE }))

/** Copies the pages to where VitePress reads them: it wants all of them in one folder. */
function stage(): void {
  rmSync(STAGED, { recursive: true, force: true })
  cpSync(join(HERE, 'icon.svg'), join(STAGED, 'public/icon.svg'))
  cpSync(join(ROOT, 'docs/images'), join(STAGED, 'images'), { recursive: true })
  for (const [source, page] of PAGES) cpSync(join(ROOT, source), join(STAGED, page))
  writeFileSync(join(STAGED, 'index.md'), frontPage())
}

function stopAt(complaints: readonly string[]): void {
  if (complaints.length === 0) return
  for (const complaint of complaints) console.error(complaint)
  process.exit(1)
}
