import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** A page that has been built. */
interface Page {
  /** From the folder of the site, with a slash at its beginning. */
  readonly path: string
  readonly links: readonly string[]
  readonly ids: ReadonlySet<string>
}

/**
 * The links of a built site that lead to no file of it, or to no element of a page: one line each. `base` is the path of
 * the site on its host, and `homepage` its address.
 */
export function deadLinks(folder: string, { base, homepage }: { base: string; homepage: string }): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.html'))
  const pages = new Map(names.map(name => [`/${name}`, readPage(folder, name)]))
  const origin = new URL(homepage).origin
  return [...pages.values()].flatMap(page =>
    page.links.filter(link => !leads(page, link)).map(link => `${page.path}: ${link}`),
  )

  function leads(page: Page, link: string): boolean {
    const url = new URL(link, `${origin}${posix.join(base, page.path)}`)
    if (url.origin !== origin) return true
    if (!url.pathname.startsWith(base)) return false
    const path = `/${decodeURIComponent(url.pathname.slice(base.length))}`
    const target = [path, `${path}.html`, posix.join(path, 'index.html')].find(each => pages.has(each))
    if (target === undefined) return !path.endsWith('/') && existsSync(join(folder, path))
    return url.hash === '' || pages.get(target)?.ids.has(decodeURIComponent(url.hash.slice(1))) === true
  }
}

function readPage(folder: string, name: string): Page {
  const html = readFileSync(join(folder, name), 'utf8')
  const valuesOf = (attribute: RegExp) => [...html.matchAll(attribute)].map(([, value = '']) => plain(value))
  const links = valuesOf(/<(?:a|link)\b[^>]*?\shref="([^"]*)"/g).concat(
    valuesOf(/<(?:img|script)\b[^>]*?\ssrc="([^"]*)"/g),
  )
  return { path: `/${name}`, links: [...new Set(links)], ids: new Set(valuesOf(/\sid="([^"]*)"/g)) }
}

const plain = (value: string) =>
  value
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
