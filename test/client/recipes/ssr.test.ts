import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type * as Ssr from '../../../examples/client/ssr.js'
import { bundleProgram } from '../../support/bundle.js'
import { projectFor } from '../../support/markdown.js'
import { Jar } from '../jar.js'
import { ADA, GRACE, type RecipeServer, recipeServer } from './server.js'

/** The program, compiled with the JSX of React. */
const program = bundleProgram('examples/client/ssr.tsx')

async function recipe(t: TestContext): Promise<typeof Ssr> {
  const file = join(await projectFor(t), 'ssr.mjs')
  await writeFile(file, await program)
  return import(pathToFileURL(file).href)
}

/** An API that also serves the page, and visitors with cookies of their own. */
async function site(t: TestContext) {
  const server = await recipeServer(t, 'cookies')
  const { pages } = await recipe(t)
  server.router.get('/', pages(server.origin))
  return server
}

async function visitor(server: RecipeServer, credentials: object, note: string) {
  const jar = new Jar()
  const client = server.client({ fetch: jar.fetch, cookies: jar.cookies, tabs: false })
  await client.login(credentials)
  const headers = { 'Content-Type': 'application/json' }
  await client.fetch('/notes', { method: 'POST', headers, body: JSON.stringify({ text: note }) })
  return { jar, client, open: () => open(server, jar) }
}

async function open({ origin }: RecipeServer, jar = new Jar()) {
  const response = await jar.fetch(`${origin}/`, {})
  return { status: response.status, headers: response.headers, text: await response.text() }
}

describe('a page that the server renders', () => {
  test('shows the notes of its visitor, and no cache may keep it', async t => {
    const server = await site(t)
    const ada = await visitor(server, ADA, 'of Ada')
    const { text, headers } = await ada.open()
    assert.match(text, /<li>of Ada<\/li>/)
    assert.equal(headers.get('Cache-Control'), 'private, no-store')
  })

  test('shows a note as its text, whatever is in it', async t => {
    const server = await site(t)
    const ada = await visitor(server, ADA, `"><script>alert('of Ada')</script>`)
    assert.equal((await ada.open()).text.match(/<script/g)?.length, 1)
  })

  test('offers the login to others', async t => {
    const { text, headers } = await open(await site(t))
    assert.match(text, /href="\/login"/)
    assert.deepEqual(headers.getSetCookie(), [])
  })

  test('hands the cookies of a refresh to the browser, which goes on with them', async t => {
    const server = await site(t)
    const ada = await visitor(server, ADA, 'of Ada')
    server.clock.advance('16m')
    const { text, headers } = await ada.open()
    assert.match(text, /<li>of Ada<\/li>/)
    assert.equal(headers.getSetCookie().length, 4)
    assert.ok(headers.getSetCookie().some(line => /^refresh_token_cookie=.*; HttpOnly/i.test(line)))
    // Beyond the grace period of the refresh token that was used up: only the new one is accepted.
    server.clock.advance('20m')
    assert.equal((await ada.client.fetch('/notes')).status, 200)
    assert.equal(server.count('POST /refresh'), 2)
  })

  test('refreshes when the browser has deleted the expired cookie of the access token', async t => {
    const server = await site(t)
    const ada = await visitor(server, ADA, 'of Ada')
    ada.jar.drop('access_token_cookie')
    ada.jar.drop('csrf_access_token')
    assert.match((await ada.open()).text, /<li>of Ada<\/li>/)
  })

  test('offers the login once the login was ended on the server, and deletes its cookies', async t => {
    const server = await site(t)
    const ada = await visitor(server, ADA, 'of Ada')
    await server.authx.revokeAllSessions('ada')
    assert.match((await ada.open()).text, /href="\/login"/)
    assert.equal(ada.jar.cookies(), '')
  })

  test('is rendered for the right login if the browser sends several cookies of one name', async t => {
    const server = await site(t)
    const ada = await visitor(server, ADA, 'of Ada')
    const grace = await visitor(server, GRACE, 'of Grace')
    server.router.get('/cookies', ctx => {
      ctx.body = ctx.get('Cookie')
    })
    const sentBy = async ({ jar }: { jar: Jar }) => (await jar.fetch(`${server.origin}/cookies`, {})).text()
    // Cookies for a longer path come first.
    const headers = { Cookie: `${await sentBy(grace)}; ${await sentBy(ada)}` }
    await grace.client.logout()
    for (const minutes of [0, 16]) {
      server.clock.advance(`${minutes}m`)
      const text = await (await fetch(`${server.origin}/`, { headers })).text()
      assert.match(text, /<li>of Ada<\/li>/)
    }
  })

  test('gives no cookie to another server, and takes none from it', async t => {
    const server = await recipeServer(t, 'cookies')
    const other = await recipeServer(t, 'cookies')
    const seen: string[] = []
    other.router.get('/', ctx => {
      seen.push(ctx.get('Cookie'))
      ctx.set('Set-Cookie', 'refresh_token_cookie=planted')
      ctx.body = 'elsewhere'
    })
    server.router.get('/away', ctx => ctx.redirect(`${other.origin}/`))
    const { clientOf } = await recipe(t)
    server.router.get('/', async ctx => {
      const client = clientOf(ctx, server.origin)
      const answers = [await client.fetch('/away'), await client.fetch(`${other.origin}/`)]
      ctx.body = await Promise.all(answers.map(answer => answer.text()))
    })
    const ada = await visitor(server, ADA, 'of Ada')
    const { headers, text } = await ada.open()
    assert.equal(text, '["elsewhere","elsewhere"]')
    assert.deepEqual([seen, headers.getSetCookie()], [['', ''], []])
  })

  test('is never that of somebody else, whatever answer comes first', async t => {
    const server = await site(t)
    const [ada, grace] = [await visitor(server, ADA, 'of Ada'), await visitor(server, GRACE, 'of Grace')]
    const gates = new Map(['POST /refresh', 'GET /notes'].map(line => [line, reversed(2)]))
    for (let round = 0; round < 5; round++) {
      server.clock.advance('16m')
      server.beforeAnswer = line => gates.get(line)?.()
      const [forAda, forGrace] = await Promise.all([ada.open(), grace.open()])
      server.beforeAnswer = () => undefined
      assert.match(forAda.text, /<ul[^>]*><li>of Ada<\/li><\/ul>/)
      assert.match(forGrace.text, /<ul[^>]*><li>of Grace<\/li><\/ul>/)
      assert.deepEqual([subjectsIn(forAda.headers), subjectsIn(forGrace.headers)], [['ada'], ['grace']])
    }
  })
})

/** Lets callers wait until there are `count` of them; the last one goes on first. */
function reversed(count: number): () => Promise<void> {
  const waiting: (() => void)[] = []
  return () =>
    new Promise(resolve => {
      waiting.push(resolve)
      if (waiting.length === count) for (const go of waiting.splice(0).reverse()) go()
    })
}

/** Whose tokens the browser is given. */
function subjectsIn(headers: Headers): string[] {
  const payloads = headers.getSetCookie().flatMap(line => /_token_cookie=[^.]+\.([^.]+)\./.exec(line)?.[1] ?? [])
  return [...new Set(payloads.map(payload => JSON.parse(Buffer.from(payload, 'base64url').toString()).sub))]
}
