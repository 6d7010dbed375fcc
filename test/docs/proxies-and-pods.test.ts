import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type Koa from 'koa'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { appOf, cookie, makeAuthX, serve } from '../support/app.js'
import { blocksOf, readPage } from '../support/markdown.js'

const PAGE = readPage('docs/deploying.md')
const blocks = blocksOf(PAGE)
const only = (language: string) => {
  const found = blocks.filter(block => block.language === language)
  assert.equal(found.length, 1, language)
  return found[0]?.code ?? ''
}

describe('the nginx of the page about deploying', () => {
  const nginx = only('nginx')
  const client = '203.0.113.7'
  const host = 'app.example.com:8443'
  /** What nginx puts in for its variables, if the client has sent an address that it invented. */
  const VALUES: Readonly<Record<string, string>> = {
    $http_host: host,
    $scheme: 'https',
    $proxy_add_x_forwarded_for: `192.0.2.1, ${client}`,
  }
  const forwarded = [...nginx.matchAll(/proxy_set_header (\S+) (\S+);/g)].map(([, name = '', value = '']) => {
    assert.ok(value in VALUES, value)
    return [name, VALUES[value] ?? ''] as const
  })

  test('gives the application the protocol, the address of the client, and the origin of its own pages', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore(), tokenLocation: ['cookies'], csrfCheck: 'origin' })
    const app = appOf(authx.middleware(), async (ctx, next) => {
      if (ctx.path !== '/login') return next()
      await authx.login(ctx, 'ada')
      ctx.body = `${ctx.protocol} ${ctx.ip}`
    }).use(authx.accessTokenRequired() as Koa.Middleware)
    assert.match(PAGE, /^The application: `new Koa\(\{ proxy: true, maxIpsCount: 1 \}\)`/m)
    Object.assign(app, { proxy: true, maxIpsCount: 1 })
    const send = await serve(t, app)
    const own = ['Origin', `https://${host}`] as const
    const login = await send({ method: 'POST', path: '/login', headers: [...forwarded, own] })
    assert.deepEqual([login.status, login.text], [200, `https ${client}`])
    const jar = Object.fromEntries(login.cookies.map(line => line.split(';')[0]?.split(/=(.*)/s) as [string, string]))
    const write = async (origin: string) =>
      (await send({ method: 'POST', headers: [...forwarded, cookie(jar), ['Origin', origin]] })).status
    // 404: the guard lets it pass, and there is no route.
    assert.deepEqual(await Promise.all([write(`https://${host}`), write('https://evil.example')]), [404, 403])
  })

  test('has the buffers that the section about sizes asks for', () => {
    for (const setting of ['proxy_buffer_size', 'large_client_header_buffers']) {
      const [, told] = new RegExp(`\`(${setting} [^\`]*;)\``).exec(PAGE) ?? []
      assert.ok(told && nginx.includes(`  ${told}\n`), setting)
    }
  })
})

describe('the pod of the page about deploying', () => {
  const pod = only('yaml')
  const numberOf = (name: string) => Number(new RegExp(`${name}: (\\d+)`).exec(pod)?.[1])
  const [, closing = ''] = PAGE.split('### Kubernetes')

  test('has probes at the paths that the program of health checks answers', () => {
    const paths = [...pod.matchAll(/path: (\/\w+)/g)].map(([, path = '']) => path)
    assert.deepEqual(paths, ['/healthz', '/readyz'])
    const program = blocks.find(({ language, code }) => language === 'ts' && code.includes('/healthz'))?.code ?? ''
    for (const path of paths) assert.ok(program.includes(`'${path}'`), path)
  })

  test('waits for longer than a failing probe takes, and ends before it is killed', () => {
    const waits = Number(/setTimeout\((\d+)_000\)/.exec(closing)?.[1])
    assert.ok(waits > numberOf('periodSeconds') * numberOf('failureThreshold'))
    assert.ok(waits < numberOf('terminationGracePeriodSeconds'))
  })
})
