import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import Koa from 'koa'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { demoRouter } from '../../examples/demo/routes.js'
import { root } from './programs.js'

process.env.PORT = '0'
// Where passkeys are valid. The port is known only after the server listens.
process.env.ORIGIN = 'http://localhost:8000'

const FOLDER = join(root, 'examples')
const sources = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))
const textOf = (file: string) => readFileSync(join(FOLDER, file), 'utf8')

function demo(): Server {
  const options = { secretKey: 'x'.repeat(64), store: new MemoryTokenStore(), cookieSecure: false }
  const app = new Koa()
  app.use(demoRouter(options).routes())
  return app.listen(0, '127.0.0.1')
}

const opened = new Set<Server>()
after(() => {
  for (const server of opened) server.close()
})

/** Resolves to the URL of an example's server, which runs until the end of the tests. */
async function urlOf(open: () => Promise<Server>): Promise<string> {
  const server = await open()
  opened.add(server)
  if (!server.listening) await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

interface CookieExample {
  /** Opens the server. `undefined`: no request of a form can log in, because the example has no such route. */
  readonly open: (() => Promise<Server>) | undefined
  /** The routes that log in. */
  readonly logins: readonly string[]
}

/** The examples that put tokens into cookies, by the file that says so. */
const WITH_COOKIES: Readonly<Record<string, CookieExample>> = {
  'cookies.ts': { open: async () => (await import('../../examples/cookies.js')).server, logins: ['/login'] },
  'dual.ts': { open: async () => (await import('../../examples/dual.js')).server, logins: ['/login'] },
  'pages.ts': { open: async () => (await import('../../examples/pages.js')).server, logins: ['/login'] },
  'passkey.ts': {
    open: async () => (await import('../../examples/passkey.js')).server,
    logins: ['/login', '/login/passkey'],
  },
  'demo/instances.ts': { open: async () => demo(), logins: ['/demo/cookies/login', '/demo/dual/login'] },
  // The login is the redirect back from the provider, which `state` protects: see sign-in.test.ts.
  'sign-in/app.ts': { open: undefined, logins: [] },
}

const EVIL = { Origin: 'https://evil.example' }
const ELSEWHERE: readonly Record<string, string>[] = [
  { ...EVIL, 'Sec-Fetch-Site': 'cross-site' },
  { ...EVIL, 'Sec-Fetch-Site': 'same-site' },
  { Origin: 'null', 'Sec-Fetch-Site': 'cross-site' },
  EVIL,
]
const credentials = new URLSearchParams({ username: 'test', password: 'test' })
const formData = new FormData()
for (const [name, value] of credentials) formData.append(name, value)
const BODIES = [credentials, formData, '{"username":"test","password":"test"}']

test('every example that puts tokens into cookies is in the list of this test', () => {
  const found = sources.filter(file => /tokenLocation:.*'cookies'|set(Access|Refresh)?Cookies\(/.test(textOf(file)))
  assert.deepEqual(found.sort(), Object.keys(WITH_COOKIES).sort())
})

describe('a form of another site logs nobody in', () => {
  for (const [file, { open, logins }] of Object.entries(WITH_COOKIES)) {
    if (!open) continue
    test(`at examples/${file}`, async () => {
      const url = await urlOf(open)
      for (const path of logins) {
        for (const headers of ELSEWHERE) {
          for (const body of BODIES) {
            const response = await fetch(url + path, { method: 'POST', headers, body, redirect: 'manual' })
            assert.deepEqual(response.headers.getSetCookie(), [], path)
            assert.ok(response.status >= 400, `${path} ${response.status}`)
          }
        }
      }
    })
  }

  test('but the own form does, where an example takes forms', async () => {
    for (const file of ['cookies.ts', 'dual.ts', 'pages.ts']) {
      const url = await urlOf(WITH_COOKIES[file]?.open as () => Promise<Server>)
      for (const headers of [{ Origin: url, 'Sec-Fetch-Site': 'same-origin' }, { Origin: url }, {}]) {
        const sent = { method: 'POST', headers: headers as Record<string, string>, body: credentials }
        const response = await fetch(`${url}/login`, { ...sent, redirect: 'manual' })
        assert.ok(response.status < 400 && response.headers.getSetCookie().length > 0, file)
      }
    }
  })
})

test('the sign-in example has no route that logs in by a POST', () => {
  const posts = [...textOf('sign-in/app.ts').matchAll(/\.(?:post|put|all|use)\('([^']+)'/g)].map(([, path]) => path)
  assert.deepEqual(posts, ['/logout', '/backchannel-logout'])
})
