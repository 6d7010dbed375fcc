import { join } from 'node:path'
import { defineConfig } from 'vitepress'
import { BASE, DESCRIPTION, HOMEPAGE, REPOSITORY } from '../manifest.js'
import { referenceMenu, sideMenu, TOP_MENU } from '../menu.js'
import { sourceOf } from '../pages.js'
import { slug } from '../slug.js'
import { keepBraces, labelCells, leadLinks } from './markdown.js'

const STAGED = join(import.meta.dirname, '../staged')

/** Pages whose tables take all the room beside the menu. */
const WIDE = ['options.md', 'torture.md', 'benchmarks.md']

export default defineConfig({
  title: 'koa-authx',
  description: DESCRIPTION,
  lang: 'en',
  base: BASE,
  srcDir: 'staged',
  outDir: 'dist',
  cacheDir: 'node_modules/.cache',
  cleanUrls: true,
  // Programs of the pages listen there.
  ignoreDeadLinks: 'localhostLinks',
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `${BASE}icon.svg` }]],
  metaChunk: true,
  sitemap: { hostname: HOMEPAGE },
  markdown: {
    anchor: { slugify: slug },
    headers: { level: [2, 3] },
    // Braces are only text: typedoc prints types, and the docs are written for the git host.
    attrs: { disable: true },
    languageAlias: { redis: 'ini' },
    config: md => {
      leadLinks(md)
      labelCells(md)
      keepBraces(md)
    },
  },
  // Only the index of the search is larger than the default, and only a search loads it.
  vite: { build: { chunkSizeWarningLimit: 1500 } },
  transformPageData: ({ relativePath, frontmatter }) => {
    // The pages of the reference have no file to edit.
    if (relativePath.startsWith('api/')) Object.assign(frontmatter, { pageClass: 'api', editLink: false })
    if (WIDE.includes(relativePath)) Object.assign(frontmatter, { pageClass: 'wide', aside: false })
    // Where the link for edits leads.
    return { filePath: sourceOf(relativePath) ?? relativePath }
  },
  themeConfig: {
    logo: '/icon.svg',
    nav: [...TOP_MENU] as never,
    sidebar: { '/': sideMenu(), '/api/': referenceMenu(join(STAGED, 'api')) },
    outline: { level: [2, 3] },
    search: { provider: 'local' },
    editLink: { pattern: `${REPOSITORY}/edit/main/:path`, text: 'Edit this page' },
    socialLinks: [{ icon: 'github', link: REPOSITORY }],
  },
})
