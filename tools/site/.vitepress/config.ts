import { join } from 'node:path'
import { defineConfig, type MarkdownOptions } from 'vitepress'
import { BASE, DESCRIPTION, HOMEPAGE, REPOSITORY } from '../manifest.js'
import { referenceMenu, sideMenu, TOP_MENU } from '../menu.js'
import { siteTarget, sourceOf } from '../pages.js'
import { slug } from '../slug.js'

const STAGED = join(import.meta.dirname, '../staged')

type MarkdownIt = Parameters<NonNullable<MarkdownOptions['config']>>[0]

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
      keepBraces(md)
    },
  },
  transformPageData: ({ relativePath, frontmatter }) => {
    // The pages of the reference have no file to edit.
    if (relativePath.startsWith('api/')) Object.assign(frontmatter, { pageClass: 'api', editLink: false })
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

/** Links are written for the repository; here they lead to the pages of the site. */
function leadLinks(md: MarkdownIt): void {
  md.core.ruler.push('lead-links', ({ tokens, env }) => {
    const source = env.relativePath === 'index.md' ? 'tools/site/front-page.md' : sourceOf(env.relativePath)
    if (source === undefined) return
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const target = token.type === 'link_open' ? token.attrGet('href') : null
      if (target !== null) token.attrSet('href', siteTarget(source, target))
    }
  })
}

/** Two braces in a text are not code of Vue. */
function keepBraces(md: MarkdownIt): void {
  md.renderer.rules.text = (tokens, n) => md.utils.escapeHtml(tokens[n]?.content ?? '').replaceAll('{{', '&#123;&#123;')
}
