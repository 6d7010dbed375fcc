import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { PassThrough } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import Koa from 'koa'
import { AuthManager, type AuthX, AuthXError, PolicyEngine, rateLimited } from '../../src/index.js'
import { appOf, bearer, makeAuthX, serve, warningsOf } from '../support/app.js'

/** The application answers by itself, past Koa. */
const bypass: Koa.Middleware = (ctx, next) => {
  ctx.respond = false
  return next()
}

/** What would answer if the request were let in. */
const handler: Koa.Middleware = ctx => {
  ctx.respond = false
  ctx.res.writeHead(200).end('let in')
}

const engine = new PolicyEngine()
const limiter = { consume: () => Promise.reject({ msBeforeNext: 1000 }) }

/** Everything that refuses a request, with what it answers. */
const REFUSALS: readonly [name: string, refuse: (authx: AuthX) => Koa.Middleware, status: number, error: string][] = [
  ['a guard', authx => authx.accessTokenRequired() as never, 401, 'MissingTokenError'],
  ['a guard of scopes', authx => authx.scopesRequired('a') as never, 401, 'MissingTokenError'],
  ['refresh', authx => ctx => authx.refresh(ctx) as never, 401, 'MissingTokenError'],
  ['logout', authx => ctx => authx.logout(ctx), 401, 'MissingTokenError'],
  ['authorize', authx => ctx => authx.authorize(ctx, 'read', 'all', { engine }) as never, 401, 'MissingTokenError'],
  ['a policy', authx => authx.policyRequired('read', 'all', { engine }) as never, 401, 'MissingTokenError'],
  ['a limiter', () => rateLimited(limiter) as never, 429, 'RateLimitExceeded'],
  ['a guard of a manager', authx => managerOf(authx).accessTokenRequired('user') as never, 401, 'MissingTokenError'],
]

const managerOf = (authx: AuthX) => new AuthManager({ user: authx })
const makeUsers = () => makeAuthX({ loginType: 'user' })

describe('a refusal is answered though ctx.respond is false', { timeout: 60_000 }, () => {
  for (const [name, refuse, status, error] of REFUSALS) {
    for (const method of ['GET', 'HEAD', 'POST']) {
      test(`of ${name}, ${method}, whoever has set it, and whoever renders it`, async t => {
        const authx = makeUsers()
        const refusing = refuse(authx)
        const inside: Koa.Middleware = (ctx, next) => {
          ctx.respond = false
          return refusing(ctx, next)
        }
        for (const renders of [authx.middleware(), managerOf(authx).middleware()]) {
          const apps = [
            appOf(bypass, renders as never, refusing, handler),
            appOf(renders as never, bypass, refusing, handler),
            appOf(renders as never, inside, handler),
          ]
          for (const app of apps) {
            const reply = await (await serve(t, app))({ method })
            assert.equal(reply.status, status)
            assert.match(String(reply.headers['content-type']), /^application\/json/)
            if (method !== 'HEAD') assert.equal(reply.json.error_type, error)
          }
        }
      })
    }
  }

  test('by Koa where nothing of ours renders it', async t => {
    const { status, text } = await (await serve(t, appOf(bypass, makeAuthX().accessTokenRequired() as never)))()
    assert.deepEqual([status, text], [401, 'No token was sent with this request'])
  })

  test('and a request that is let in is answered by the application alone', async t => {
    const authx = makeAuthX()
    const send = await serve(t, appOf(bypass, authx.middleware(), authx.accessTokenRequired() as never, handler))
    const { status, text } = await send({ headers: [bearer(authx.createAccessToken('test'))] })
    assert.deepEqual([status, text], [200, 'let in'])
  })
})

/** Let `app` answer one request; resolves to what the client gets, and to the errors that the app is told. */
async function visit(t: TestContext, app: Koa) {
  const told: unknown[] = []
  app.on('error', error => told.push(error))
  const reply = await (await serve(t, app))()
  return { ...reply, told }
}

const refuse = () => {
  throw new AuthXError('TEST refused', { status: 403, code: 'ERR_UNAVAILABLE' })
}

describe('a refusal that comes too late', () => {
  test('when headers have been sent is thrown on, and the application ends the response', async t => {
    const authx = makeAuthX()
    const app = appOf(
      async (ctx, next) => {
        await next().catch(error => ctx.res.end(`event: end\ndata: ${error.code}\n\n`))
      },
      authx.middleware(),
      ctx => {
        ctx.respond = false
        ctx.res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n')
        refuse()
      },
    )
    const { status, text, told } = await visit(t, app)
    assert.deepEqual([status, text, told], [200, 'data: 1\n\nevent: end\ndata: ERR_UNAVAILABLE\n\n', []])
  })

  for (const responds of [true, false]) {
    test(`when the response has ended is thrown on to the app (respond: ${responds})`, async t => {
      const app = appOf(makeAuthX().middleware(), ctx => {
        ctx.respond = responds
        ctx.res.statusCode = 200
        ctx.res.end('done')
        refuse()
      })
      const { status, text, told } = await visit(t, app)
      assert.deepEqual([status, text, (told[0] as AuthXError).code], [200, 'done', 'ERR_UNAVAILABLE'])
    })
  }
})

describe('a refusal after the head has been sent, which nobody catches, cuts the connection', {
  timeout: 60_000,
}, () => {
  const begin: Koa.Middleware = (ctx, next) => {
    ctx.res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n')
    return next()
  }

  /** What is told to the app, and how the request of a client ends. */
  async function visitCut(t: TestContext, app: Koa) {
    const told: unknown[] = []
    app.on('error', error => told.push(error))
    const send = await serve(t, app)
    await assert.rejects(send(), { code: 'ECONNRESET' })
    return told.map(error => (error as AuthXError).name)
  }

  for (const responds of [true, false]) {
    for (const [name, refuse] of REFUSALS) {
      test(`of ${name} (respond: ${responds})`, async t => {
        const authx = makeUsers()
        const respond: Koa.Middleware = (ctx, next) => {
          ctx.respond = responds
          return next()
        }
        for (const renders of [authx.middleware(), managerOf(authx).middleware()]) {
          const told = await visitCut(t, appOf(respond, renders as never, begin, refuse(authx)))
          assert.equal(told.length, 1)
        }
      })
    }
  }
})

test('a refusal takes the place of a body that a handler has set, a stream too, which is closed', async t => {
  const streams: PassThrough[] = []
  const bodies: (() => unknown)[] = [
    () => 'text',
    () => null,
    () => {
      const stream = new PassThrough()
      streams.push(stream)
      stream.write('half of a file')
      return stream
    },
  ]
  for (const responds of [true, false]) {
    for (const body of bodies) {
      const app = appOf(makeAuthX().middleware(), ctx => {
        ctx.respond = responds
        ctx.set('Content-Length', '3')
        ctx.body = body()
        refuse()
      })
      const { status, json } = await visit(t, app)
      assert.deepEqual([status, json], [403, { message: 'TEST refused', error_type: 'AuthXError' }])
    }
  }
  for (const stream of streams) if (!stream.closed) await once(stream, 'close')
  assert.equal(streams.length, 2)
})

describe('a refusal that cannot be rendered', () => {
  for (const responds of [true, false]) {
    test(`is answered with 500 (respond: ${responds})`, async t => {
      const wrong: readonly ConstructorParameters<typeof AuthXError>[1][] = [
        { status: 403, code: 'ERR_UNAVAILABLE', headers: { 'X-Test': 'two\nlines' } },
        { status: 403, code: 'ERR_UNAVAILABLE', headers: { 'not a name': 'value' } },
        { status: 1000, code: 'ERR_UNAVAILABLE' },
      ]
      for (const traits of wrong) {
        const app = appOf(makeAuthX().middleware(), ctx => {
          ctx.respond = responds
          throw new AuthXError('TEST', traits)
        })
        const { status, text, told } = await visit(t, app)
        assert.deepEqual([status, text, told.length], [500, 'Internal Server Error', 1])
      }
    })
  }

  test('is answered though a listener of the app throws, which becomes a warning', async t => {
    const app = appOf(makeAuthX().middleware(), bypass, () => {
      throw new AuthXError('TEST', { status: 503, code: 'ERR_UNAVAILABLE' })
    })
    app.on('error', () => {
      throw new Error('TEST the listener failed')
    })
    const send = await serve(t, app)
    const warnings = await warningsOf(async () => {
      const { status, json } = await send()
      assert.deepEqual([status, json.error_type], [503, 'AuthXError'])
    })
    assert.match(String(warnings[0]?.message), /TEST the listener failed/)
  })
})

test('an app inside of another server refuses as well', async t => {
  const authx = makeAuthX()
  const handle = new Koa().use(authx.middleware()).use(bypass).use(authx.accessTokenRequired()).callback()
  const send = await serve(t, createServer((request, response) => void handle(request, response)) as never)
  assert.equal((await send()).json.error_type, 'MissingTokenError')
})
