import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { createApp } from '../../examples/app.js'
import { deviceOf } from '../../examples/demo/device.js'
import { demoRouter } from '../../examples/demo/routes.js'
import { type Answer, Client } from './client.js'

let time = Date.now()
const options = { secretKey: 'a test key of thirty-two bytes, or more', store: new MemoryTokenStore(), now: () => time }
const server = createApp(new AuthX(options))
  .use(demoRouter(options, { where: 'in memory' }).routes())
  .listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const firefox = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' }

type Mode = 'cookies' | 'dual'
const modes: Mode[] = ['cookies', 'dual']

interface Shown {
  readonly sid: string
  readonly current: boolean
  readonly device: { readonly name: string; readonly tokens: Mode; readonly ip: string }
}

/** A page of the demo, logged in: what its scripts send. */
class Visitor {
  constructor(
    readonly client: Client,
    readonly mode: Mode,
    public token?: unknown,
  ) {}

  static async loggedIn(mode: Mode): Promise<Visitor> {
    const client = new Client(url)
    const json = { username: 'test', password: 'test' }
    const { status, body } = await client.post(`/demo/${mode}/login`, { json, headers: firefox })
    assert.equal(status, 200)
    return new Visitor(client, mode, body.access_token)
  }

  send(method: 'get' | 'post' | 'put' | 'delete', path: string, json?: unknown): Promise<Answer> {
    const headers = { 'x-csrf-token': this.csrf(`demo_${this.mode}_access_csrf`) }
    const proof = this.mode === 'dual' ? { token: this.token } : { headers }
    return this.client[method](`/demo/${this.mode}${path}`, { ...proof, json })
  }

  async refresh(): Promise<Answer> {
    const headers = { 'x-csrf-token': this.csrf(`demo_${this.mode}_refresh_csrf`) }
    const answer = await this.client.post(`/demo/${this.mode}/refresh`, { headers })
    if (answer.status === 200) this.token = answer.body.access_token
    return answer
  }

  async sessions(): Promise<Shown[]> {
    return Object.values((await this.send('get', '/sessions')).body) as Shown[]
  }

  csrf(name: string): string {
    return this.client.cookies.get(name) ?? ''
  }
}

const refused = ({ status, body }: Answer) => [status, body.error_type]

after(() => server.close())

describe('the page of the demo', async () => {
  const fetchFile = (path: string) => fetch(url + path)
  const html = await (await fetchFile('/')).text()
  const served = async (path: string) => (await fetchFile(path)).text()
  const files = [...html.matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, path = '']) => path)

  test('and all its files are served, each as what it is', async () => {
    for (const file of ['/demo/demo.js', '/demo/base.css']) assert.ok(files.includes(file), file)
    const types = { '/': 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }
    for (const path of ['/', ...files]) {
      const { status, headers } = await fetchFile(path)
      assert.equal(status, 200, path)
      const [, extension = '/'] = /\.(\w+)$/.exec(path) ?? []
      assert.equal(headers.get('content-type')?.split(';')[0], types[extension as keyof typeof types], path)
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.match(headers.get('content-security-policy') ?? '', /^default-src 'none'; script-src 'self'; /)
      assert.doesNotMatch(headers.get('content-security-policy') ?? '', /unsafe|\*|http|data:/)
    }
  })

  test('loads modules that are all served, the client for browsers among them', async () => {
    const modules = new Set(['/demo/demo.js'])
    for (const path of modules) {
      assert.equal((await fetchFile(path)).headers.get('content-type'), 'text/javascript; charset=utf-8', path)
      for (const [, name = ''] of (await served(path)).matchAll(/^(?:im|ex)port .*from '(.*)'/gm)) {
        modules.add(new URL(name, url + path).pathname)
      }
    }
    assert.ok(modules.size > 3 && modules.has('/demo/client/index.js'))
    assert.equal((await fetchFile('/demo/client/nothing.js')).status, 404)
    assert.equal((await fetchFile('/demo/client/..%2findex.html')).status, 404)
  })

  test('is told where sessions are kept', async () => {
    assert.equal(await served('/demo/store'), '{"where":"in memory"}')
  })

  test('has no inline script or style, and nothing of other sites', () => {
    assert.deepEqual(
      [...html.matchAll(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/g)].map(([found]) => found),
      [],
    )
    assert.doesNotMatch(html, /https?:|(?:src|href)="\/\//)
  })
})

describe('the routes beside the demo', () => {
  test('are those of app.ts, and take no token of the demo, nor the demo theirs', async () => {
    const client = new Client(url)
    const { access_token: token } = (await client.login()).body
    assert.equal((await client.get('/protected', { token })).status, 200)
    assert.deepEqual(refused(await client.get('/demo/dual/protected', { token })), [401, 'TokenInvalidAudienceError'])
    const { token: demoToken } = await Visitor.loggedIn('dual')
    assert.deepEqual(refused(await client.get('/protected', { token: demoToken })), [401, 'TokenInvalidAudienceError'])
  })
})

for (const mode of modes) {
  describe(`the demo with its tokens in mode ${mode}`, () => {
    test('lets in who knows the password, and takes JSON only', async () => {
      const client = new Client(url)
      const wrong = await client.post(`/demo/${mode}/login`, { json: { username: 'test', password: 'wrong' } })
      assert.deepEqual(refused(wrong), [401, 'InvalidCredentialsError'])
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const form = await fetch(`${url}/demo/${mode}/login`, {
        method: 'POST',
        headers,
        body: 'username=test&password=test',
      })
      assert.equal(form.status, 401)
      assert.deepEqual((await (await Visitor.loggedIn(mode)).send('get', '/protected')).body, {
        message: 'You have access',
        sub: 'test',
      })
    })

    test('refreshes an access token that has run out after a minute', async () => {
      const visitor = await Visitor.loggedIn(mode)
      time += 61_000
      assert.deepEqual(refused(await visitor.send('get', '/protected')), [401, 'TokenExpiredError'])
      assert.equal((await visitor.refresh()).status, 200)
      assert.equal((await visitor.send('post', '/protected')).status, 200)
      const { type, fresh, login_type } = (await visitor.send('get', '/claims')).body
      assert.deepEqual([type, fresh, login_type], ['access', false, 'demo'])
    })

    test('ends the session at logout', async () => {
      const visitor = await Visitor.loggedIn(mode)
      const copied = new Map(visitor.client.cookies)
      assert.equal((await visitor.send('post', '/logout')).status, 204)
      for (const [name, value] of copied) visitor.client.cookies.set(name, value)
      assert.deepEqual(refused(await visitor.send('get', '/protected')), [401, 'RevokedTokenError'])
      assert.deepEqual(refused(await visitor.refresh()), [401, 'RevokedTokenError'])
    })

    test('refuses whoever has no token, however the path is spelt', async () => {
      const client = new Client(url)
      for (const path of ['/protected', '/claims', '/sessions']) {
        const full = `/demo/${mode}${path}`
        const encoded = full.replace('/c', '/%63').replace('/p', '/%70').replace('/s', '/%73')
        for (const spelling of [full, full.toUpperCase(), `${full}/`, encoded, `/%64emo/${mode}${path}`]) {
          const { status } = await client.get(spelling)
          assert.ok(status === 401 || status === 404, `${spelling}: ${status}`)
        }
        assert.deepEqual(refused(await client.get(full)), [401, 'MissingTokenError'])
      }
      for (const path of [
        '/protected',
        '/logout-everywhere',
        '/thief/copy',
        '/thief/use',
        '/second-factor',
        '/payments',
      ]) {
        assert.deepEqual(refused(await client.post(`/demo/${mode}${path}`)), [401, 'MissingTokenError'], path)
      }
      for (const answer of [
        await client.get(`/demo/${mode}/second-factor/code`),
        await client.put(`/demo/${mode}/user/role/reader`),
        await client.delete(`/demo/${mode}/user`),
      ]) {
        assert.deepEqual(refused(answer), [401, 'MissingTokenError'])
      }
    })
  })

  describe(`the thief of the demo in mode ${mode}`, () => {
    const use = async (visitor: Visitor) => (await visitor.send('post', '/thief/use')).body

    test('is refused with a copy that has been used up, and the session ends', async () => {
      const visitor = await Visitor.loggedIn(mode)
      const copied = await visitor.send('post', '/thief/copy')
      assert.deepEqual([copied.status, copied.body], [204, {}])
      for (const _ of [1, 2]) assert.equal((await visitor.refresh()).status, 200)
      time += 5000
      assert.deepEqual(await use(visitor), { outcome: 'refused', error_type: 'ReusedTokenError' })
      assert.deepEqual(refused(await visitor.send('get', '/protected')), [401, 'RevokedTokenError'])
      assert.deepEqual(refused(await visitor.refresh()), [401, 'RevokedTokenError'])
    })

    test('is given new tokens if faster, and betrayed by the next refresh', async () => {
      const visitor = await Visitor.loggedIn(mode)
      await visitor.send('post', '/thief/copy')
      assert.deepEqual(await use(visitor), { outcome: 'renewed' })
      assert.equal((await visitor.send('get', '/protected')).status, 200)
      time += 5000
      assert.deepEqual(refused(await visitor.refresh()), [401, 'ReusedTokenError'])
      assert.equal((await visitor.send('get', '/protected')).status, 401)
    })

    test('gets the same answer again within five seconds of the refresh, and is refused after them', async () => {
      const visitor = await Visitor.loggedIn(mode)
      await visitor.send('post', '/thief/copy')
      await visitor.refresh()
      time += 4999
      assert.deepEqual(await use(visitor), { outcome: 'repeated' })
      assert.equal((await visitor.send('get', '/protected')).status, 200)
      time += 1
      assert.deepEqual(await use(visitor), { outcome: 'refused', error_type: 'ReusedTokenError' })
    })

    test('has nothing without a copy, and copies nothing but the own token', async () => {
      const [one, other] = [await Visitor.loggedIn(mode), await Visitor.loggedIn(mode)]
      await one.send('post', '/thief/copy')
      assert.equal((await other.send('post', '/thief/use')).status, 409)
      other.client.cookies.delete(`demo_${mode}_refresh`)
      assert.equal((await other.send('post', '/thief/copy')).status, 409)
    })
  })
}

for (const mode of modes) {
  describe(`the application behind the demo in mode ${mode}`, () => {
    test('has two roles, and a user who can be deleted until the next login', async () => {
      const visitor = await Visitor.loggedIn(mode)
      for (const role of ['admin', 'constructor', '__proto__', '%20']) {
        assert.equal((await visitor.send('put', `/user/role/${role}`)).status, 404, role)
      }
      assert.equal((await visitor.send('put', '/user/role/reader')).status, 204)
      assert.equal((await visitor.refresh()).status, 200)
      const change = await visitor.send('post', '/protected')
      assert.deepEqual(refused(change), [403, 'InsufficientScopeError'])
      assert.equal((await visitor.send('get', '/protected')).status, 200)

      assert.equal((await visitor.send('delete', '/user')).status, 204)
      assert.equal((await visitor.send('put', '/user/role/editor')).status, 404)
      assert.deepEqual(refused(await visitor.refresh()), [401, 'SubjectNotFoundError'])
      assert.equal((await (await Visitor.loggedIn(mode)).send('post', '/protected')).status, 200)
    })

    test('accepts a payment after a right code, and refuses every other body', async () => {
      time += 5 * 60_000
      const visitor = await Visitor.loggedIn(mode)
      assert.deepEqual(refused(await visitor.send('post', '/payments')), [401, 'FreshTokenRequiredError'])
      const { code } = (await visitor.send('get', '/second-factor/code')).body
      const given = await visitor.send('post', '/second-factor', { code })
      assert.equal(given.status, 200)
      if (mode === 'dual') visitor.token = given.body.access_token
      assert.deepEqual((await visitor.send('post', '/payments')).body, { paid: true })
      if (mode === 'dual') return // The limit of guesses is for both modes together.
      for (const body of [{ code }, { code: [code] }, {}]) {
        assert.deepEqual(refused(await visitor.send('post', '/second-factor', body)), [403, 'WrongCode'])
      }
    })

    test('loses a response when asked to, and takes the old refresh token again', async () => {
      const visitor = await Visitor.loggedIn(mode)
      const headers = { 'x-csrf-token': visitor.csrf(`demo_${mode}_refresh_csrf`) }
      await assert.rejects(visitor.client.post(`/demo/${mode}/refresh?lose`, { headers }), TypeError)
      time += 60 * 60_000
      assert.equal((await visitor.refresh()).status, 200)
      assert.equal((await visitor.send('get', '/protected')).status, 200)
    })
  })
}

describe('the demo with cookies', () => {
  test('keeps both tokens from scripts and from the other routes', async () => {
    const { client, token } = await Visitor.loggedIn('cookies')
    assert.equal(token, undefined)
    const json = { username: 'test', password: 'test' }
    const { headers, body } = await client.post('/demo/cookies/login', { json })
    assert.deepEqual(Object.keys(body).sort(), ['expires_in', 'token_type'])
    for (const line of headers.getSetCookie()) {
      assert.match(line, /; SameSite=Strict/)
      if (line.includes('csrf')) assert.match(line, /; Path=\/;/)
      else assert.match(line, /; Path=\/demo\/cookies;.*; HttpOnly/)
    }
    assert.equal(headers.getSetCookie().length, 4)
  })

  test('takes no change without the CSRF value', async () => {
    const visitor = await Visitor.loggedIn('cookies')
    const forged = await visitor.client.post('/demo/cookies/protected')
    assert.deepEqual(refused(forged), [403, 'MissingCSRFTokenError'])
    assert.equal((await visitor.send('post', '/protected')).status, 200)
  })
})

describe('the sessions of the demo', () => {
  test('are one list for both modes, with devices; one is ended from the other', async () => {
    const [cookies, dual] = [await Visitor.loggedIn('cookies'), await Visitor.loggedIn('dual')]
    const seen = await cookies.sessions()
    const [here, ...more] = seen.filter(({ current }) => current)
    assert.deepEqual([here?.device.name, here?.device.tokens, more.length], ['Firefox on Linux', 'cookies', 0])
    const [there] = (await dual.sessions()).filter(({ current }) => current)
    assert.ok(there && seen.some(({ sid }) => sid === there.sid))

    assert.equal((await cookies.send('delete', `/sessions/${there.sid}`)).status, 204)
    assert.deepEqual(refused(await dual.send('get', '/protected')), [401, 'RevokedTokenError'])
    assert.equal((await cookies.send('get', '/protected')).status, 200)
  })

  test('all end at once, in both modes', async () => {
    const [cookies, dual] = [await Visitor.loggedIn('cookies'), await Visitor.loggedIn('dual')]
    assert.equal((await dual.send('delete', '/sessions')).status, 204)
    for (const visitor of [cookies, dual]) {
      assert.deepEqual(refused(await visitor.send('get', '/protected')), [401, 'RevokedTokenError'])
    }
  })
})

describe('the name of a device', () => {
  const agents = {
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0':
      'Edge on Windows',
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36':
      'Chrome on Android',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1':
      'Safari on iPhone',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0': 'Firefox on macOS',
    'curl/8.5.0': 'curl',
    '': 'An unknown program',
  }

  test('is made of browser and system', () => {
    for (const [agent, name] of Object.entries(agents)) assert.equal(deviceOf(agent), name)
  })
})
