import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './manifest.js'
import { siteTarget } from './pages.js'

/** A link of a menu, or a group of them. Links begin with a slash, and lead to a page of the site. */
export interface MenuItem {
  readonly text: string
  readonly link?: string
  readonly items?: MenuItem[]
  readonly collapsed?: boolean
}

const PROJECT: MenuItem = {
  text: 'Project',
  items: [
    { text: 'Changelog', link: '/changelog.md' },
    { text: 'Support', link: '/support.md' },
    { text: 'Security policy', link: '/security-policy.md' },
    { text: 'Benchmarks', link: '/benchmarks.md' },
    { text: 'Architecture', link: '/architecture.md' },
    { text: 'Contributing', link: '/contributing.md' },
    { text: 'Code of conduct', link: '/code-of-conduct.md' },
  ],
}

/** The menu beside every page but those of the reference: the groups of docs/README.md, and what concerns the project. */
export function sideMenu(): MenuItem[] {
  const list = readFileSync(join(ROOT, 'docs/README.md'), 'utf8')
  const groups = [...list.matchAll(/^(\S.*):\n\n((?:\* .*\n)+)/gm)].map(([, text = '', lines = '']) => ({
    text,
    items: linksIn(lines),
  }))
  return [{ text: 'All pages', link: '/all-pages.md' }, ...groups, PROJECT]
}

function linksIn(lines: string): MenuItem[] {
  return [...lines.matchAll(/\[([^\]]+)\]\(([^)\s]+)\)/g)].map(([, text = '', target = '']) => ({
    text: capitalised(text),
    link: siteTarget('docs/README.md', target),
  }))
}

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** The menu on top. */
export const TOP_MENU: readonly MenuItem[] = [
  { text: 'Guide', link: '/getting-started.md' },
  { text: 'All pages', link: '/all-pages.md' },
  { text: 'API', link: '/api/' },
  { text: 'Changelog', link: '/changelog.md' },
]

/** The menu beside the pages of the reference in `folder`: what each entry of the package exports, by kind. */
export function referenceMenu(folder: string): MenuItem[] {
  return [{ text: 'API reference', link: '/api/' }, ...modulesIn(folder, 'koa-authx')]
}

const KINDS: Readonly<Record<string, string>> = {
  classes: 'Classes',
  functions: 'Functions',
  variables: 'Variables',
  enumerations: 'Enumerations',
  interfaces: 'Interfaces',
  'type-aliases': 'Types',
}

function modulesIn(folder: string, name: string): MenuItem[] {
  const below = foldersIn(join(folder, name)).filter(each => !(each in KINDS))
  const deeper = below.flatMap(each => modulesIn(folder, `${name}/${each}`))
  if (!existsSync(join(folder, name, 'index.md'))) return deeper
  const items = Object.entries(KINDS)
    .map(([kind, text]) => ({ text, collapsed: true, items: membersIn(folder, `${name}/${kind}`) }))
    .filter(group => group.items.length > 0)
  return [{ text: name, link: `/api/${name}/`, collapsed: true, items }, ...deeper]
}

function membersIn(folder: string, path: string): MenuItem[] {
  if (!existsSync(join(folder, path))) return []
  const names = readdirSync(join(folder, path)).map(file => file.replace(/\.md$/, ''))
  return names.sort().map(text => ({ text, link: `/api/${path}/${text}.md` }))
}

const foldersIn = (folder: string) =>
  readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => name)
    .sort()

/** The pages of the reference in `folder` that its menu does not reach, by their addresses. */
export function unreached(folder: string): string[] {
  const reached = targetsOf(referenceMenu(folder))
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.md'))
  const addresses = files.map(name => `/api/${name.replace(/(^|\/)index\.md$/, '$1')}`)
  return addresses.filter(address => !reached.includes(address))
}

/** Where the links of a menu lead, also those of its groups. */
export function targetsOf(menu: readonly MenuItem[]): string[] {
  return menu.flatMap(({ link, items = [] }) => [...(link === undefined ? [] : [link]), ...targetsOf(items)])
}
