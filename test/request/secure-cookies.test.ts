import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFromThisMachine } from '../../src/request/this-machine.js'
import { appOf, makeAuthX, serve, warningsOf } from '../support/app.js'

const HERE = [
  'localhost:8000',
  'localhost',
  'LOCALHOST:1',
  'app.localhost:8000',
  '127.0.0.1:8000',
  '127.1.2.3',
  '[::1]:8000',
]
const ELSEWHERE = [
  'app.example',
  '192.168.0.7:8000',
  'localhost.example',
  'mylocalhost',
  '127.0.0.1.example',
  // Chromium and Firefox drop Secure cookies of the unspecified address.
  '0.0.0.0:8000',
  '[::]:8000',
  '[::ffff:0.0.0.0]:8000',
  '[::',
  '',
  ' ',
]
const BY_A_PROXY = {
  'x-forwarded-for': '192.0.2.1',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'app.example',
  forwarded: 'for=192.0.2.1',
  via: '1.1 proxy',
  'x-real-ip': '192.0.2.1',
}

test('a client is on this machine if it calls the server localhost and no proxy is between them', () => {
  for (const host of HERE) assert.equal(isFromThisMachine({ headers: { host } }), true, host)
  for (const host of ELSEWHERE) assert.equal(isFromThisMachine({ headers: { host } }), false, host)
  assert.equal(isFromThisMachine({ headers: {} }), false)
  for (const [name, value] of Object.entries(BY_A_PROXY))
    assert.equal(isFromThisMachine({ headers: { host: 'localhost:8000', [name]: value } }), false, name)
})

test('a client is not on this machine if its page is elsewhere: some proxies call the server localhost and add no header', () => {
  const isHere = (origin: string) => isFromThisMachine({ headers: { host: '127.0.0.1:8000', origin } })
  for (const origin of ['http://localhost:5173', 'https://localhost', 'http://127.0.0.1:8000'])
    assert.equal(isHere(origin), true, origin)
  for (const origin of ['https://app.example', 'http://192.168.0.7:5173', 'null', ''])
    assert.equal(isHere(origin), false, origin)
})

// In a file of its own: the warning is given once in a process.
test('Secure cookies over plain HTTP are set all the same, with one warning about app.proxy, but none on localhost', async t => {
  const secure = makeAuthX({ tokenLocation: ['cookies'] })
  const plain = makeAuthX({ tokenLocation: ['cookies'], cookieSecure: false })
  const app = appOf(async ctx => {
    ctx.body = await (ctx.path === '/plain' ? plain : secure).login(ctx, 'test')
  })
  const client = await serve(t, app)
  const warningsOver = async (path: string, host: string, ...more: [name: string, value: string][]) => {
    const warnings = await warningsOf(async () => {
      const { status, cookies } = await client({ method: 'POST', path, headers: [['Host', host], ...more] })
      assert.equal(status, 200)
      assert.equal(cookies.length, 4)
      assert.ok(cookies.every(line => line.includes('; Secure') === (path !== '/plain')))
    })
    return warnings.filter(({ code }) => code === 'AUTHX_INSECURE_COOKIE')
  }

  app.proxy = true
  assert.deepEqual(await warningsOver('/', 'app.example', ['X-Forwarded-Proto', 'https']), [])
  app.proxy = false
  assert.deepEqual(await warningsOver('/', 'localhost:8000'), [], 'browsers accept the cookies there')
  for (const host of ['localhost:8000', '192.168.0.7:8000'])
    assert.deepEqual(await warningsOver('/plain', host), [], 'nothing is wrong with cookieSecure: false')
  const [warning, ...more] = await warningsOver('/', 'localhost:8000', ['X-Forwarded-Proto', 'https'])
  assert.match(warning?.message ?? '', /app\.proxy/)
  assert.deepEqual([...more, ...(await warningsOver('/', 'app.example'))], [])
})
