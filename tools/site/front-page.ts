import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './manifest.js'

const BLOCK = /^```\w*\n.*?^```$/gms

/** The front page: front-page.md, with the parts of the README that it names in braces. */
export function frontPage(): string {
  const parts = partsOf(readFileSync(join(ROOT, 'README.md'), 'utf8'))
  const template = readFileSync(join(import.meta.dirname, 'front-page.md'), 'utf8')
  return template.replaceAll(/^\{(\w+)\}$/gm, (_, name: string) => {
    const part = parts[name]
    if (!part) throw new Error(`The README has no ${name} for the front page of the site.`)
    return part
  })
}

/** The first paragraph, the first command, the server of the quickstart with the name of its file, and what calls it. */
function partsOf(readme: string): Partial<Record<string, string>> {
  const [, words] = /^# .*\n\n(.+)$/m.exec(readme) ?? []
  const [, quickstart = ''] = /^## Quickstart\n(.*?)^## /ms.exec(readme) ?? []
  const blocks = [...quickstart.matchAll(BLOCK)]
  const [server, last] = [blocks[0], blocks.at(-1)]
  if (!server || !last) return { words }
  const [middle, end] = [server, last].map(({ index, 0: block }) => index + block.length)
  return {
    words,
    install: readme.match(BLOCK)?.[0],
    server: quickstart.slice(0, middle).trim(),
    calls: quickstart.slice(middle, end).trim(),
  }
}
