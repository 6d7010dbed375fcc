import type { MarkdownOptions } from 'vitepress'
import { siteTarget, sourceOf } from '../pages.js'

type MarkdownIt = Parameters<NonNullable<MarkdownOptions['config']>>[0]

/** Links are written for the repository; here they lead to the pages of the site. */
export function leadLinks(md: MarkdownIt): void {
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
export function keepBraces(md: MarkdownIt): void {
  md.renderer.rules.text = (tokens, n) => md.utils.escapeHtml(tokens[n]?.content ?? '').replaceAll('{{', '&#123;&#123;')
}

/** A cell knows the heading of its column: on a narrow screen the rows of a table are below one another. */
export function labelCells(md: MarkdownIt): void {
  md.core.ruler.push('label-cells', ({ tokens }) => {
    let headings: string[] = []
    let column = 0
    for (const [n, token] of tokens.entries()) {
      if (token.type === 'table_open') headings = []
      if (token.type === 'tr_open') column = 0
      if (token.type === 'th_open') headings.push(tokens[n + 1]?.content ?? '')
      if (token.type === 'td_open') token.attrSet('data-label', headings[column++] ?? '')
    }
  })
}
