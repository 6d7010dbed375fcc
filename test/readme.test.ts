import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { docs } from './docs/all-pages.js'
import { root } from './examples/programs.js'
import { blocksOf, readPage, servers } from './support/markdown.js'

const readme = readPage('README.md')
const blocks = blocksOf(readme)

describe('the README', () => {
  test('shows a server and what it answers, from the login to the refusal, before anything else', () => {
    const [quickstart] = servers(blocks)
    assert.ok(quickstart && blocks.indexOf(quickstart.server) <= 1)
    assert.equal(quickstart.lines.length, 5)
    assert.match(quickstart.printed, /^\{"access_token".*"RevokedTokenError"\}\n401\n$/s)
  })

  test('can be read in one go: it has 200 lines at most', () => {
    assert.ok(readme.split('\n').length <= 200)
  })

  test('has code for what most applications need, in TypeScript and in JavaScript', () => {
    const count = (language: string) => blocks.filter(block => block.language === language).length
    assert.ok(count('ts') >= 5 && count('js') >= 3)
  })

  test('leads to every page of docs/, by itself or by the list of the pages', () => {
    const linked = readme + readPage('docs/README.md').replaceAll('](', '](docs/')
    for (const page of docs) if (page !== 'docs/README.md') assert.ok(linked.includes(`](${page}`), page)
  })

  test('tells of commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object }
    for (const [, command = ''] of readme.matchAll(/npm ci && npm (\w+)/g)) assert.ok(command in scripts, command)
  })
})
