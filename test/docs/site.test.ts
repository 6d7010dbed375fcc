import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { entries } from '../../tools/reference/entries.js'
import { deadLinks } from '../../tools/site/dead-links.js'
import { frontPage } from '../../tools/site/front-page.js'
import { HOMEPAGE, REPOSITORY } from '../../tools/site/manifest.js'
import { referenceMenu, sideMenu, TOP_MENU, targetsOf, unreached } from '../../tools/site/menu.js'
import { PAGES, siteTarget } from '../../tools/site/pages.js'
import { slug } from '../../tools/site/slug.js'
import { root } from '../examples/programs.js'
import { blocksOf, readPage, servers } from '../support/markdown.js'
import { temporaryFolder } from '../support/temporary.js'
import { docs, pages } from './all-pages.js'

const addresses = [...PAGES.values()].map(page => `/${page}`)

async function folderOf(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const { folder, remove } = await temporaryFolder()
  t.after(remove)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

describe('the pages of the site', () => {
  test('are all pages of docs/, and no two have one address', () => {
    for (const page of docs) assert.ok(PAGES.has(page), page)
    // Also on a file system that does not tell capitals.
    assert.equal(new Set(addresses.map(address => address.toLowerCase())).size, addresses.length)
    assert.ok(!addresses.includes('/index.md'))
  })

  test('are each reached from the menu beside them, by one link', () => {
    assert.deepEqual(targetsOf(sideMenu()).toSorted(), [...addresses, '/api/'].toSorted())
    for (const { text, link, items = [] } of sideMenu()) assert.ok(text && (link || items.length > 0), text)
  })

  test('are where the menu on top leads', () => {
    for (const target of targetsOf(TOP_MENU)) assert.ok([...addresses, '/api/'].includes(target), target)
  })

  test('are where links to the site lead, from every page and from the package', () => {
    const texts = [...pages.keys(), 'package.json', 'tools/site/front-page.md'].map(readPage)
    const links = texts.flatMap(text => text.match(new RegExp(`${HOMEPAGE}[\\w./-]*`, 'g')) ?? [])
    assert.ok(links.includes(`${HOMEPAGE}api/`))
    for (const link of links) assert.ok(isOnSite(link.slice(HOMEPAGE.length)), link)
  })
})

function isOnSite(path: string): boolean {
  return path === '' || addresses.includes(`/${path}.md`) || path === 'api/' || isInReference(path)
}

/** Whether an entry of the package exports what a page of the reference is named after. */
function isInReference(path: string): boolean {
  const entry = entries().find(({ page }) => dirname(page) === path.replace(/^api\/|\/(?:[\w-]+\/\w+)?$/g, ''))
  const [, name] = /^api\/.*\/(?:classes|functions|variables|interfaces|type-aliases)\/(\w+)$/.exec(path) ?? []
  if (!entry || (name === undefined && !path.endsWith('/'))) return false
  return name === undefined || new RegExp(`\\b${name}\\b`).test(readPage(entry.source))
}

describe('a link of a page', () => {
  const cases: [from: string, to: string, onSite: string][] = [
    ['docs/guards.md', 'errors.md', '/errors.md'],
    ['docs/guards.md', 'errors.md#a-b', '/errors.md#a-b'],
    ['docs/guards.md', 'README.md', '/all-pages.md'],
    ['docs/guards.md', '../SECURITY.md#reporting', '/security-policy.md#reporting'],
    ['docs/guards.md', '../examples/app.ts', `${REPOSITORY}/blob/main/examples/app.ts`],
    ['docs/guards.md', '../examples/app.ts#L3', `${REPOSITORY}/blob/main/examples/app.ts#L3`],
    ['docs/guards.md', '../examples/demo', `${REPOSITORY}/tree/main/examples/demo`],
    ['docs/guards.md', '#here', '#here'],
    ['docs/guards.md', 'https://example.com/a.md', 'https://example.com/a.md'],
    ['docs/guards.md', `${HOMEPAGE}api/`, '/api/'],
    ['SUPPORT.md', 'docs/guards.md', '/guards.md'],
    ['docs/guarantees.md', '../bench/RESULTS.md#machine', '/benchmarks.md#machine'],
  ]
  for (const [from, to, onSite] of cases) {
    test(`to ${to} of ${from} leads to ${onSite} on the site`, () => {
      assert.equal(siteTarget(from, to), onSite)
    })
  }

  test('to a heading leads there on the site as on the git host', () => {
    assert.equal(slug("`close()` and Jest's open handles"), 'close-and-jests-open-handles')
    assert.equal(slug('Why? A, b & c'), 'why-a-b--c')
  })
})

describe('the front page', () => {
  const page = frontPage()
  const quickstart = servers(blocksOf(readPage('README.md')))[0]

  test('shows the quickstart of the README, which is run, and no other code', () => {
    const shown = blocksOf(page).map(({ code }) => code)
    const readme = blocksOf(readPage('README.md')).map(({ code }) => code)
    assert.deepEqual(shown, readme.slice(0, shown.length))
    assert.ok(quickstart && shown.includes(quickstart.server.code) && shown.includes(quickstart.printed))
  })

  test('leads to pages that there are', () => {
    const targets = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = '']) =>
      siteTarget('tools/site/front-page.md', to),
    )
    assert.ok(targets.length > 0)
    for (const target of targets) assert.ok([...addresses, '/api/'].includes(target), target)
  })
})

describe('the API reference', () => {
  test('is made from everything that the package exports', () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object }
    assert.equal(entries().length, Object.keys(exports).filter(entry => entry !== './package.json').length)
    for (const { source } of entries()) assert.ok(existsSync(join(root, source)), source)
  })

  test('has a menu that reaches each of its pages', async t => {
    const files = [
      ...entries().map(({ page }) => page),
      'koa-authx/classes/AuthX.md',
      'koa-authx/stores/redis/type-aliases/RedisClient.md',
    ]
    const folder = await folderOf(t, Object.fromEntries(files.map(file => [file, '# A page'])))
    const expected = files.map(file => `/api/${file.replace('index.md', '')}`)
    assert.deepEqual(targetsOf(referenceMenu(folder)).toSorted(), ['/api/', ...expected].toSorted())
  })

  test('is not built with a page that its menu does not reach', async t => {
    const folder = await folderOf(t, { 'index.md': '', 'koa-authx/index.md': '', 'koa-authx/namespaces/Some.md': '' })
    assert.deepEqual(unreached(folder), ['/api/koa-authx/namespaces/Some.md'])
  })

  test('shows no code that no test runs: doc comments have words, and the pages have the code', () => {
    for (const folder of ['src', 'stores', 'client']) {
      const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      for (const file of files.filter(name => name.endsWith('.ts')))
        assert.doesNotMatch(readPage(`${folder}/${file}`), /^\s*(?:\/\*)?\*+ *(?:```|~~~|@example\b)/m, file)
    }
  })
})

describe('the check of the links of a built site', () => {
  const site = { base: '/koa-authx/', homepage: 'https://example.github.io/koa-authx/' }
  const target = '<h1 id="top">Top</h1><p id="a&amp;b"></p>'

  test('finds pages, files, headings and hosts that are not there', async t => {
    const dead = ['gone', '/koa-authx/gone', '/elsewhere/', 'page#gone', '#gone', 'folder/', '/koa-authx/gone.png']
    const folder = await folderOf(t, {
      'index.html': dead.map(link => `<a class="x" href="${link}">a</a>`).join('\n'),
      'page.html': `${target}<img alt="a" src="gone.png"><script src="/koa-authx/gone.js"></script>`,
    })
    const found = deadLinks(folder, site)
    const expected = dead.map(link => `/index.html: ${link}`)
    assert.deepEqual(
      found.toSorted(),
      [...expected, '/page.html: gone.png', '/page.html: /koa-authx/gone.js'].toSorted(),
    )
  })

  test('accepts links that lead somewhere, and links to other sites', async t => {
    const alive = [
      '/koa-authx/',
      'page',
      'page#top',
      'page.html#a&amp;b',
      'sub/',
      './sub/#x',
      '#own',
      'https://example.com/',
      'a.txt',
    ]
    const folder = await folderOf(t, {
      'index.html': `<p id="own"></p>${alive.map(link => `<a href="${link}">a</a>`).join('')}`,
      'page.html': `${target}<a href="https://example.github.io/koa-authx/sub/#x">a</a>`,
      'sub/index.html': '<p id="x"></p><a href="../page#top">a</a><a href="mailto:a@example.com">a</a>',
      'a.txt': '',
    })
    assert.deepEqual(deadLinks(folder, site), [])
  })
})
