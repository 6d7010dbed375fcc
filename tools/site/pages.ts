import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { HOMEPAGE, REPOSITORY, ROOT } from './manifest.js'

/** Pages of the site that are not in docs/, by their path from the root of the repository. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'docs/README.md': 'all-pages.md',
  'CHANGELOG.md': 'changelog.md',
  'SUPPORT.md': 'support.md',
  'SECURITY.md': 'security-policy.md',
  'CONTRIBUTING.md': 'contributing.md',
  'CODE_OF_CONDUCT.md': 'code-of-conduct.md',
  'ARCHITECTURE.md': 'architecture.md',
  'bench/RESULTS.md': 'benchmarks.md',
}

/** Every page of the site but its front page and the API reference: its path on the site, by its path in the repository. */
export const PAGES: ReadonlyMap<string, string> = new Map([
  ...readdirSync(join(ROOT, 'docs'))
    .filter(name => name.endsWith('.md') && name !== 'README.md')
    .sort()
    .map((name): [string, string] => [`docs/${name}`, name]),
  ...Object.entries(ELSEWHERE),
])

/** The path in the repository of a page of the site. */
export const sourceOf = (page: string): string | undefined => [...PAGES].find(([, to]) => to === page)?.[0]

/** Where a link of the page `source` leads on the site: to a page of it, or to the file in the repository. */
export function siteTarget(source: string, target: string): string {
  if (target.startsWith(HOMEPAGE)) return `/${target.slice(HOMEPAGE.length)}`
  if (/^(?:[a-z][a-z+.-]*:|#|\/)/i.test(target)) return target
  const [file = '', hash] = target.split('#')
  const path = posix.join(posix.dirname(source), file)
  const page = PAGES.get(path)
  const address = page === undefined ? addressOf(path) : `/${page}`
  return hash === undefined ? address : `${address}#${hash}`
}

function addressOf(path: string): string {
  const file = join(ROOT, path)
  const kind = existsSync(file) && statSync(file).isDirectory() ? 'tree' : 'blob'
  return `${REPOSITORY}/${kind}/main/${path}`
}
