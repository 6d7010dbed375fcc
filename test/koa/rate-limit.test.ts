import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Router from '@koa/router'
import type Koa from 'koa'
import { BurstyRateLimiter, RateLimiterMemory, RateLimiterUnion, RLWrapperBlackAndWhite } from 'rate-limiter-flexible'
import { type AuthXError, networkOf, type RateLimiter, type RateLimitOptions, rateLimited } from '../../src/index.js'
import { appOf, bearer, type Client, makeAuthX, type Reply, type Sent, serve } from '../support/app.js'
import { until } from '../support/until.js'

const memory = (points: number, duration = 3600) => new RateLimiterMemory({ points, duration })

const answer: Koa.Middleware = ctx => {
  ctx.body = 'served'
}

/** A limiter that lets everybody pass and notes the keys. */
class Recorder implements RateLimiter {
  readonly keys: string[] = []

  async consume(key: string): Promise<void> {
    this.keys.push(key)
  }
}

const refusing = (rejection: unknown): RateLimiter => ({ consume: () => Promise.reject(rejection) })

/** The keys that one request after the other is counted by. */
async function keysOf(
  t: TestContext,
  options: RateLimitOptions,
  requests: readonly Sent[],
  ...before: Koa.Middleware[]
) {
  const recorder = new Recorder()
  const client = await serve(t, appOf(...before, rateLimited(recorder, options), answer))
  for (const sent of requests) assert.equal((await client(sent)).status, 200)
  return recorder.keys
}

/** A client of a limit behind a proxy; `settings` are those of the Koa app. */
async function proxied(t: TestContext, limiter: RateLimiter, settings: Partial<Koa>): Promise<Client> {
  return serve(t, Object.assign(appOf(rateLimited(limiter), answer), settings))
}

const forwarded = (addresses: string, name = 'X-Forwarded-For'): Sent => ({ headers: [[name, addresses]] })

const statuses = async (client: Client, requests: readonly Sent[]) => {
  const replies: number[] = []
  for (const sent of requests) replies.push((await client(sent)).status)
  return replies
}

function isRefused({ status, headers, text }: Reply): void {
  assert.deepEqual([status, text], [429, 'Too many requests'])
  assert.match(headers['retry-after'] ?? '', /^[1-9]\d*$/)
  assert.equal(headers['www-authenticate'], undefined)
}

describe('a rate limit', () => {
  test('lets as many requests pass as the limiter allows, and answers 429 from then on', async t => {
    let served = 0
    const count: Koa.Middleware = ctx => {
      served++
      ctx.body = 'served'
    }
    const client = await serve(t, appOf(rateLimited(memory(3)), count))
    for (let n = 1; n <= 3; n++) assert.equal((await client()).text, 'served')
    for (let n = 1; n <= 3; n++) isRefused(await client())
    assert.equal(served, 3)
  })

  test('counts requests at the same time each once', async t => {
    const client = await serve(t, appOf(rateLimited(memory(3)), answer))
    const replies = await Promise.all(Array.from({ length: 12 }, () => client()))
    assert.equal(replies.filter(({ status }) => status === 200).length, 3)
    assert.equal(replies.filter(({ status }) => status === 429).length, 9)
  })

  test('is rendered by the middleware like every other error', async t => {
    const client = await serve(t, appOf(makeAuthX().middleware(), rateLimited(memory(0)), answer))
    const { status, json, headers } = await client()
    assert.deepEqual([status, json], [429, { message: 'Too many requests', error_type: 'RateLimitExceeded' }])
    assert.equal(headers['retry-after'], '3600')
  })

  test('passes again when the time of Retry-After is over', async t => {
    const client = await serve(t, appOf(rateLimited(memory(1, 1)), answer))
    const replies: Reply[] = []
    await until(async () => replies.push(await client()) && replies.at(-1)?.status === 429)
    assert.equal(replies[0]?.status, 200)
    assert.equal(replies.at(-1)?.headers['retry-after'], '1')
    await sleep(1000)
    await until(async () => (await client()).status === 200)
  })

  test('holds on each of the routes that share the limiter, in every spelling of their paths', async t => {
    const limit = rateLimited(memory(2))
    const router = new Router().get('/a', limit, answer).get('/b', limit, answer)
    const client = await serve(t, appOf(router.routes() as Koa.Middleware))
    const paths = ['/a', '/B/', '/A', '/b', '/a?b=1'].map(path => ({ path }))
    assert.deepEqual(await statuses(client, paths), [200, 200, 429, 429, 429])
  })

  test('leaves errors of the handler alone, and gives it all the time it needs', async t => {
    const failing = appOf(rateLimited(memory(9)), () => {
      throw Object.assign(new Error('of the application'), { msBeforeNext: 5 })
    })
    assert.equal((await (await serve(t, failing))()).status, 500)
    const slow = appOf(rateLimited(memory(9), { timeout: 1 }), async ctx => {
      await sleep(50)
      ctx.body = 'served'
    })
    assert.equal((await (await serve(t, slow))()).status, 200)
  })

  test('says its name', () => {
    assert.equal(rateLimited(memory(1)).name, 'rateLimited')
  })
})

describe('Retry-After', () => {
  const TABLE: readonly [msBeforeNext: number, seconds: string | undefined][] = [
    [0, '1'],
    [1, '1'],
    [999.5, '1'],
    [1000, '1'],
    [1000.1, '2'],
    [1001, '2'],
    [59_999, '60'],
    [86_400_000, '86400'],
    [Number.MAX_SAFE_INTEGER, '9007199254741'],
    [-1, undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    [1e300, undefined],
  ]

  for (const [msBeforeNext, seconds] of TABLE) {
    test(`for a wait of ${msBeforeNext} ms is ${seconds ?? 'not sent'}`, async t => {
      const client = await serve(t, appOf(rateLimited(refusing({ msBeforeNext })), answer))
      const { status, headers } = await client()
      assert.deepEqual([status, headers['retry-after']], [429, seconds])
    })
  }

  test('is not sent where the limiter never lets one pass again', async t => {
    const client = await serve(t, appOf(rateLimited(memory(1, 0)), answer))
    await client()
    const { status, headers } = await client()
    assert.deepEqual([status, headers['retry-after']], [429, undefined])
  })

  test('is that of the block where the limiter blocks', async t => {
    const limiter = new RateLimiterMemory({ points: 1, duration: 60, blockDuration: 3600 })
    const client = await serve(t, appOf(rateLimited(limiter), answer))
    await client()
    assert.equal((await client()).headers['retry-after'], '3600')
  })

  test('is the longest of several limiters in one', async t => {
    const union = new RateLimiterUnion(
      new RateLimiterMemory({ points: 1, duration: 60, keyPrefix: 'minute' }),
      new RateLimiterMemory({ points: 1, duration: 3600, keyPrefix: 'hour' }),
      new RateLimiterMemory({ points: 9, duration: 86_400, keyPrefix: 'day' }),
    )
    const client = await serve(t, appOf(rateLimited(union), answer))
    assert.equal((await client()).status, 200)
    const { status, headers } = await client()
    assert.equal(status, 429)
    assert.ok(Number(headers['retry-after']) > 60, 'the hour, not the minute')
  })

  test('is not sent if one of them never lets one pass again', async t => {
    const union = { minute: { msBeforeNext: 60_000 }, ever: { msBeforeNext: -1 } }
    const { status, headers } = await (await serve(t, appOf(rateLimited(refusing(union)), answer)))()
    assert.deepEqual([status, headers['retry-after']], [429, undefined])
  })

  test('is that of the limiters that know, if another does not: it is refused in any case', async t => {
    const union = { minute: { msBeforeNext: 60_000 }, hour: new Error('Redis is away') }
    const { status, headers } = await (await serve(t, appOf(rateLimited(refusing(union)), answer)))()
    assert.deepEqual([status, headers['retry-after']], [429, '60'])
  })

  test('comes with bursts and block lists too', async t => {
    const bursty = new BurstyRateLimiter(memory(1), memory(1))
    const client = await serve(t, appOf(rateLimited(bursty), answer))
    assert.deepEqual(await statuses(client, [{}, {}, {}]), [200, 200, 429])
    const listed = new RLWrapperBlackAndWhite({ limiter: memory(9), blackList: ['~ip:127.0.0.1'] })
    isRefused(await (await serve(t, appOf(rateLimited(listed), answer)))())
  })
})

describe('a limiter that does not know', () => {
  const REJECTIONS: readonly unknown[] = [
    new Error('Redis is away'),
    new Error('Redis is away', { cause: { msBeforeNext: 5 } }),
    Object.assign(new Error('Redis is away'), { reply: { msBeforeNext: 5 } }),
    undefined,
    null,
    'busy',
    5,
    {},
    [],
    [{ msBeforeNext: 5 }],
    { msBeforeNext: '5' },
    { msBeforeNext: undefined, other: { msBeforeNext: 5 } },
    { hour: new Error('Redis is away') },
    () => {},
  ]

  for (const [n, rejection] of REJECTIONS.entries()) {
    test(`makes it 503, and keeps the reason for the developer (${n + 1})`, async t => {
      let served = 0
      const app = appOf(rateLimited(refusing(rejection)), () => {
        served++
      })
      const reported: AuthXError[] = []
      app.on('error', error => reported.push(error))
      const { status, headers } = await (await serve(t, app))()
      assert.deepEqual([status, headers['retry-after'], served], [503, '1', 0])
      assert.deepEqual(
        reported.map(({ name }) => name),
        ['CallbackUnavailableError'],
      )
      assert.equal(reported[0]?.cause, rejection)
    })
  }

  test('makes it 503 if it throws at once', async t => {
    const limiter: RateLimiter = {
      consume() {
        throw new Error('no connection')
      },
    }
    assert.equal((await (await serve(t, appOf(rateLimited(limiter), answer)))()).status, 503)
  })

  for (const options of [{}, { timeout: 20 }]) {
    test(`and never answers makes it 503 in bounded time, with ${JSON.stringify(options)}`, async t => {
      const limiter: RateLimiter = { consume: () => new Promise(() => {}) }
      const { status, headers } = await (await serve(t, appOf(rateLimited(limiter, options), answer)))()
      assert.deepEqual([status, headers['retry-after']], [503, '1'])
    })
  }

  test('and answers too late changes nothing any more, whatever it says', async t => {
    const outcomes = [() => {}, () => Promise.reject({ msBeforeNext: 5 }), () => Promise.reject(new Error('late'))]
    for (const late of outcomes) {
      let served = 0
      let release = () => {}
      const asked = new Promise<void>(resolve => {
        release = resolve
      })
      const answered = asked.then(late)
      const limiter: RateLimiter = { consume: () => answered }
      const app = appOf(rateLimited(limiter, { timeout: 10 }), () => {
        served++
      })
      assert.equal((await (await serve(t, app))()).status, 503)
      release()
      await answered.catch(() => {})
      await sleep(0)
      assert.equal(served, 0)
    }
  })

  test('may take its time if it is given some: requests that are spread evenly', async t => {
    const even = (duration: number) => new RateLimiterMemory({ points: 2, duration, execEvenly: true })
    const patient = await serve(t, appOf(rateLimited(even(1), { timeout: 60_000 }), answer))
    assert.deepEqual(await statuses(patient, [{}, {}]), [200, 200])
    const hasty = await serve(t, appOf(rateLimited(even(3), { timeout: 20 }), answer))
    assert.deepEqual(await statuses(hasty, [{}, {}]), [200, 503])
  })
})

describe('a limit by address', () => {
  test('takes no heed of X-Forwarded-For unless the app trusts a proxy', async t => {
    const client = await proxied(t, memory(2), {})
    const requests = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(address => forwarded(address))
    assert.deepEqual(await statuses(client, requests), [200, 200, 429])
  })

  test('takes what the client says of itself if the app trusts a proxy and does not count the proxies', async t => {
    const client = await proxied(t, memory(1), { proxy: true })
    const requests = ['192.0.2.1, 198.51.100.1', '192.0.2.2, 198.51.100.1', '192.0.2.1'].map(list => forwarded(list))
    assert.deepEqual(await statuses(client, requests), [200, 200, 429])
  })

  test('takes what the proxy says if the app counts the proxies', async t => {
    const client = await proxied(t, memory(1), { proxy: true, maxIpsCount: 1 })
    const requests = ['192.0.2.1, 198.51.100.1', '192.0.2.2, 198.51.100.1', '192.0.2.1, 198.51.100.2']
    assert.deepEqual(
      await statuses(
        client,
        requests.map(list => forwarded(list)),
      ),
      [200, 429, 200],
    )
  })

  test('takes what the proxy says in a header of its own', async t => {
    const client = await proxied(t, memory(1), { proxy: true, proxyIpHeader: 'X-Real-IP' })
    const headers = (own: string, claimed: string): Sent => ({
      headers: [
        ['X-Real-IP', own],
        ['X-Forwarded-For', claimed],
      ],
    })
    const requests = [headers('198.51.100.1', '192.0.2.1'), headers('198.51.100.1', '192.0.2.2')]
    assert.deepEqual(await statuses(client, requests), [200, 429])
  })

  test('counts an IPv6 network as one, and an IPv4 address in either form as one', async t => {
    const client = await proxied(t, memory(1), { proxy: true })
    const addresses = [
      '2001:db8:0:1::1',
      '2001:DB8::1:ffff:2:3:4',
      '2001:db8:0:2::1',
      '192.0.2.1',
      '::ffff:192.0.2.1',
      '::ffff:c000:201',
      '192.0.2.2',
    ]
    const seen = await statuses(
      client,
      addresses.map(address => forwarded(address)),
    )
    assert.deepEqual(seen, [200, 429, 200, 200, 429, 429, 200])
  })

  test('counts whatever is no address as one', async t => {
    const client = await proxied(t, memory(1), { proxy: true })
    const garbage = ['unknown', '192.0.2.1:80', 'a'.repeat(4000), '~ip:192.0.2.1', '[::1]', '%', 'ÿ']
    const seen = await statuses(
      client,
      garbage.map(address => forwarded(address)),
    )
    assert.deepEqual(seen, [200, 429, 429, 429, 429, 429, 429])
  })

  test('counts requests whose address has gone with the connection as one', async t => {
    const gone: Koa.Middleware = (ctx, next) => {
      Object.defineProperty(ctx, 'ip', { value: '' })
      return next()
    }
    assert.deepEqual(await keysOf(t, {}, [{}, {}], gone), ['~ip:unknown', '~ip:unknown'])
  })
})

describe('a limit by subject', () => {
  const authx = makeAuthX()
  const admins = makeAuthX({ loginType: 'admin' })
  const asking = (token: string, address = '192.0.2.1'): Sent => ({
    headers: [bearer(token), ['X-Forwarded-For', address]],
  })

  test('counts each person by themselves, wherever they are', async t => {
    const app = appOf(authx.accessTokenRequired(), rateLimited(memory(2), { key: 'subject' }), answer)
    const client = await serve(t, Object.assign(app, { proxy: true }))
    const [one, other] = [authx.createAccessToken('one'), authx.createAccessToken('other')]
    const again = authx.createAccessToken('one')
    const requests = [asking(one), asking(again, '192.0.2.2'), asking(one, '192.0.2.3'), asking(other)]
    assert.deepEqual(await statuses(client, requests), [200, 200, 429, 200])
  })

  test('keeps login types apart that call different people by one name', async t => {
    const tokens = [
      authx.createAccessToken('test'),
      admins.createAccessToken('test'),
      authx.createAccessToken('admintest'),
      admins.createAccessToken('test'),
    ]
    const requests = tokens.map(token => asking(token))
    const keys = await keysOf(t, { key: 'subject' }, requests, authx.accessTokenRequired())
    assert.equal(new Set(keys).size, 3)
    assert.equal(keys[1], keys[3])
    for (const key of keys) assert.match(key, /^~sub:[\w-]{43}$/)
  })

  test('works on what the middleware has found too, and counts by address where nobody is logged in', async t => {
    const expired = makeAuthX({ now: () => Date.now() - 86_400_000 }).createAccessToken('test')
    const requests = [asking(authx.createAccessToken('test')), {}, { headers: [bearer('forged')] }, asking(expired)]
    const keys = await keysOf(t, { key: 'subject' }, requests, authx.middleware())
    assert.match(keys[0] ?? '', /^~sub:/)
    assert.deepEqual(keys.slice(1), Array(3).fill('~ip:127.0.0.1'))
  })

  test('counts by address what is no payload of a token', async t => {
    const found: unknown[] = [undefined, null, 'eyJ', {}, { sub: '' }, { sub: 5 }, { sub: ['test'] }, { sub: {} }]
    for (const token of found) {
      const set: Koa.Middleware = (ctx, next) => {
        ctx.state.token = token
        return next()
      }
      assert.deepEqual(await keysOf(t, { key: 'subject' }, [{}], set), ['~ip:127.0.0.1'])
    }
  })

  test('takes nobody’s name for an address', async t => {
    const requests = ['127.0.0.1', '~ip:127.0.0.1', 'ip:127.0.0.1'].map(sub => asking(authx.createAccessToken(sub)))
    const keys = await keysOf(t, { key: 'subject' }, requests, authx.accessTokenRequired())
    for (const key of keys) assert.match(key, /^~sub:/)
    assert.equal(new Set(keys).size, 3)
  })

  test('after a guard counts whom the guard lets pass, and before it everybody', async t => {
    const after = new Recorder()
    const before = new Recorder()
    const router = new Router()
      .get('/after', authx.accessTokenRequired(), rateLimited(after), answer)
      .get('/before', rateLimited(before), authx.accessTokenRequired(), answer)
      .get('/full', rateLimited(memory(0)), authx.accessTokenRequired(), answer)
    const client = await serve(t, appOf(router.routes() as Koa.Middleware))
    const paths = ['/after', '/before', '/full'].map(path => ({ path }))
    assert.deepEqual(await statuses(client, paths), [401, 401, 429])
    assert.deepEqual([after.keys.length, before.keys.length], [0, 1])
  })
})

describe('a limit by a function', () => {
  const named = (name: string): Sent => ({ headers: [['X-Name', name]] })
  const byName = { key: (ctx: Koa.Context) => ctx.get('X-Name') }

  test('counts by what it returns for the request, now or later', async t => {
    const limiter = memory(1)
    const later = { key: async (ctx: Koa.Context) => ctx.get('X-Name') }
    const client = await serve(t, appOf(rateLimited(limiter, byName), answer))
    assert.deepEqual(await statuses(client, [named('a'), named('a'), named('b')]), [200, 429, 200])
    const other = await serve(t, appOf(rateLimited(limiter, later), answer))
    assert.deepEqual(await statuses(other, [named('a'), named('c')]), [429, 200])
  })

  test('hands plain keys on as they are, so that they can be reset', async t => {
    const plain = ['a', 'test@example.com', 'test:192.0.2.1', '!"#$%&\'()*+,-./', 'x'.repeat(64), 'a~b']
    assert.deepEqual(await keysOf(t, byName, plain.map(named)), plain)
    const limiter = memory(1)
    const client = await serve(t, appOf(rateLimited(limiter, byName), answer))
    assert.deepEqual(await statuses(client, [named('a'), named('a')]), [200, 429])
    assert.equal(await limiter.delete('a'), true)
    assert.equal((await client(named('a'))).status, 200)
  })

  test('hashes what is long, not plain, or looks like a key of ours', async t => {
    const names = ['x'.repeat(65), 'x'.repeat(1_000_000), 'x'.repeat(1_000_001), 'a b', ' ', '\0', 'é', 'e\u0301', '😀']
    const ours = ['~', '~ip:127.0.0.1', '~sub:test', `~${'x'.repeat(43)}`]
    let n = 0
    const all = [...names, ...ours]
    const keys = await keysOf(t, { key: () => all[n++] as string }, Array(all.length).fill({}))
    for (const key of keys) assert.match(key, /^~[\w-]{43}$/)
    assert.equal(new Set(keys).size, keys.length)
    for (const key of ours) assert.ok(!keys.includes(key))
  })

  for (const returned of [undefined, null, '', 5, Number.NaN, true, {}, [], ['a'], Symbol('a'), Promise.resolve('')]) {
    test(`that returns ${JSON.stringify(returned) ?? String(returned)} is a mistake: 500, and nothing is counted`, async t => {
      const recorder = new Recorder()
      const key = () => returned as string
      const app = appOf(rateLimited(recorder, { key }), answer)
      const reported: unknown[] = []
      app.on('error', error => reported.push(error))
      assert.equal((await (await serve(t, app))()).status, 500)
      assert.deepEqual(recorder.keys, [])
      const [error] = reported
      assert.ok(error instanceof TypeError && /\bkey\b/.test(error.message))
    })
  }

  test('may refuse the request itself', async t => {
    const key = (ctx: Koa.Context) => ctx.throw(400, 'no name')
    const { status, text } = await (await serve(t, appOf(rateLimited(new Recorder(), { key }), answer)))()
    assert.deepEqual([status, text], [400, 'no name'])
  })

  test('can name a person at an address, in whatever way the address is written', async t => {
    const key = (ctx: Koa.Context) => `test ${networkOf(ctx.ip)}`
    const app = appOf(rateLimited(memory(1), { key }), answer)
    const client = await serve(t, Object.assign(app, { proxy: true }))
    const requests = ['2001:db8::1', '2001:db8::2', '192.0.2.1', '::ffff:192.0.2.1'].map(each => forwarded(each))
    assert.deepEqual(await statuses(client, requests), [200, 429, 200, 429])
  })
})

describe('a rate limit that is made wrongly', () => {
  const LIMITERS: readonly unknown[] = [
    undefined,
    null,
    {},
    5,
    'redis',
    [],
    { consume: 5 },
    RateLimiterMemory,
    () => {},
  ]
  const OPTIONS: readonly unknown[] = [
    { keys: 'ip' },
    { key: 'IP' },
    { key: 'user' },
    { key: '' },
    { key: null },
    { key: 5 },
    { key: ['ip', 'subject'] },
    { key: {} },
    { timeout: 0 },
    { timeout: -1 },
    { timeout: 1.5 },
    { timeout: 60_001 },
    { timeout: Number.NaN },
    { timeout: Number.POSITIVE_INFINITY },
    { timeout: '50' },
    { timeout: null },
    { points: 5, duration: 60 },
    'ip',
    null,
  ]

  for (const limiter of LIMITERS) {
    test(`with a limiter that is ${JSON.stringify(limiter) ?? String(limiter).slice(0, 21)} is a TypeError`, () => {
      assert.throws(() => rateLimited(limiter as RateLimiter), TypeError)
    })
  }

  for (const options of OPTIONS) {
    test(`with ${JSON.stringify(options)} is a TypeError`, () => {
      assert.throws(() => rateLimited(memory(1), options as RateLimitOptions), TypeError)
    })
  }

  test('names the option', () => {
    assert.throws(
      () => rateLimited(memory(1), { keys: 'ip' } as never),
      /rateLimited: unknown option "keys"; it takes /,
    )
    assert.throws(() => rateLimited(memory(1), { key: 'user' as never }), /^TypeError: key must be/)
    assert.throws(() => rateLimited(memory(1), { timeout: 0 }), /^TypeError: timeout must be/)
  })

  test('is not made wrongly by options that are undefined', async t => {
    const client = await serve(t, appOf(rateLimited(memory(1), { key: undefined, timeout: undefined }), answer))
    assert.deepEqual(await statuses(client, [{}, {}]), [200, 429])
  })
})
