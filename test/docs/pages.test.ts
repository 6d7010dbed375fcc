import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, test } from 'node:test'
import { slug } from '../../tools/site/slug.js'
import { root } from '../examples/programs.js'
import { printing, readPage, servers } from '../support/markdown.js'
import { startRedis } from '../support/redis.js'
import { runnerLines } from '../support/runner-projects.js'
import { docs, pages } from './all-pages.js'

/** Lines of shell that no test of a page runs, and why. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'npm install koa-authx koa @koa/router koa-body':
    'needs a registry; npm run check:package installs the package and its peers into empty projects',
  'npm ci && npm start': 'test/examples/start.test.ts runs what npm start does',
  'npm ci && npm test': 'is what runs this test',
  'npm run bench': 'takes half an hour and more, and measures this machine',
  'npm run torture -- --write': 'takes half an hour and more; .ci/run runs the short pass of it',
}

/** Programs that lines of shell call, by page, and which test runs those lines. */
const RUN_BY: Readonly<Record<string, string>> = {
  'docs/stores.md pg_dump': 'test/stores/backups.test.ts',
  'docs/stores.md pg_restore': 'test/stores/backups.test.ts',
}

/** Blocks that are not ours to run, by page and language, and why. */
const NOT_OURS: Readonly<Record<string, string>> = {
  'CONTRIBUTING.md typescript': 'a guard of the library; test/docs/contributing.test.ts adds it to the sources',
  'CONTRIBUTING.md sql': 'test/docs/contributing.test.ts makes a store of it',
  'docs/client.md html': 'a page; test/e2e/client-page.e2e.ts opens it',
  'docs/client-recipes.md tsx': 'parts of examples/client; test/docs/client-recipes.test.ts compares them',
  'docs/client-recipes.md vue': 'parts of examples/client; test/docs/client-recipes.test.ts compares them',
  'docs/client-recipes.md svelte': 'parts of examples/client; test/docs/client-recipes.test.ts compares them',
  'docs/deploying.md nginx': 'test/docs/proxies-and-pods.test.ts sends the headers that it sets',
  'docs/deploying.md yaml': 'test/docs/proxies-and-pods.test.ts compares it with the program of the page',
  'docs/from-authx.md python': 'AuthX itself, for comparison',
  'docs/stores.md sql':
    'the table of PostgreSQL: test/docs/stores.test.ts creates it; statements of an example: test/examples/custom-sql-store.test.ts runs them',
  'docs/stores.md text': 'rules for users of Redis; test/stores/redis-acl.test.ts reads and tries them',
}

/** Pages of docs/ that begin with something else than code that runs, and why. */
const WITHOUT_BEGINNING: Readonly<Record<string, string>> = {
  'docs/README.md': 'a list of the pages',
  'docs/guarantees.md': 'a list of what holds, with the tests that hold it',
  'docs/torture.md': 'tables of what a run has found',
}

const LANGUAGES = ['ts', 'js', 'json', 'sh', 'redis', '']

for (const [page, blocks] of pages) {
  describe(page, () => {
    const text = readPage(page)
    const ofLanguage = (language: string) => blocks.filter(block => block.language === language)
    const served = servers(blocks)

    test('has no block that nobody looks at', () => {
      assert.equal(
        [...text.matchAll(/^\s*(```|~~~)/gm)].length,
        2 * blocks.length,
        'a fence is not closed, or indented',
      )
      const others = blocks.filter(({ language }) => !LANGUAGES.includes(language))
      for (const { language } of others) assert.ok(`${page} ${language}` in NOT_OURS, language)
    })

    test('has JSON that can be parsed', () => {
      for (const { code } of ofLanguage('json')) assert.doesNotThrow(() => JSON.parse(code), code)
    })

    test('has lines of shell that a test runs', () => {
      // Those for test runners are run by test/package/runners.ts.
      const run = [...served.flatMap(({ lines }) => lines), ...(page === 'docs/testing.md' ? runnerLines() : [])]
      const lines = ofLanguage('sh').flatMap(({ code }) => code.trim().split('\n'))
      for (const line of lines) {
        assert.ok(run.includes(line) || line in NOT_RUN || `${page} ${line.split(' ')[0]}` in RUN_BY, line)
      }
    })

    for (const [n, { code }] of ofLanguage('redis').entries()) {
      test(`has settings (${n + 1}) that a Redis server takes`, async t => {
        const settings = code
          .trim()
          .split('\n')
          .map(line => line.split(' '))
        const redis = await startRedis({ args: settings.flatMap(([name, ...value]) => [`--${name}`, ...value]) })
        t.after(() => redis.stop())
        for (const [name = '', ...value] of settings) {
          const reply = await redis.command('CONFIG', 'GET', name)
          assert.ok(reply.includes(`\r\n${value.join(' ')}\r\n`), `${name}: ${reply}`)
        }
      })
    }

    if (docs.includes(page) && !(page in WITHOUT_BEGINNING)) {
      test('begins with code that runs', () => {
        const first = blocks[0]
        const run = [...printing(blocks).map(([program]) => program), ...served.map(({ server }) => server)]
        assert.ok(first && run.includes(first))
        // Nothing before it but the heading and the name of a file.
        const before = text
          .split('\n```')[0]
          ?.split('\n')
          .filter(line => /^(?!# |<!--|`[\w.]+`:$)./.test(line))
        assert.deepEqual(before, [])
      })
    }

    test('links to files and headings that there are', () => {
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [file = '', heading] = target.split('#')
        const path = file === '' ? page : posix.join(posix.dirname(page), file)
        assert.ok(existsSync(join(root, path)), target)
        if (heading !== undefined && path.endsWith('.md'))
          assert.ok(headingsOf(readPage(path)).includes(heading), target)
      }
    })
  })
}

describe('the list of the pages', () => {
  const listed = [...readPage('docs/README.md').matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, name]) => `docs/${name}`)

  test('names every page once', () => {
    assert.deepEqual(listed.toSorted(), docs.filter(page => page !== 'docs/README.md').toSorted())
  })
})

/** Anchors of the headings of a page, as GitHub makes them: a heading that comes again gets a number. */
function headingsOf(text: string): string[] {
  const seen = new Map<string, number>()
  const headings = text.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)
  return [...headings].map(([, heading = '']) => {
    const anchor = slug(heading)
    const before = seen.get(anchor) ?? 0
    seen.set(anchor, before + 1)
    return before === 0 ? anchor : `${anchor}-${before}`
  })
}
