import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Koa from 'koa'
import { koaBody } from 'koa-body'
import type { AuthXOptions } from '../../../src/index.js'
import { DEFAULT_PLACES, type PlaceRules } from '../reference/place-rules.js'
import { contentOf } from '../reference/signing.js'
import type { Setup } from './instances.js'
import { type Populated, populate } from './populated.js'

/** How tokens reach an instance, in the library's words and in those of the reference rules. */
export interface Stage {
  readonly name: string
  readonly setup: Setup
  readonly options: AuthXOptions
  readonly places: PlaceRules
  /** Whether bodies are parsed. */
  readonly parses?: boolean
}

export function stageOf(name: string, setup: Setup, places: Partial<PlaceRules> = {}, parses = false): Stage {
  const { access, refresh, ...named } = { ...DEFAULT_PLACES, ...places }
  const options: AuthXOptions = { ...named, tokenLocation: { access, refresh }, cookieSecure: false }
  return { name, setup, options, places: { ...DEFAULT_PLACES, ...places }, parses }
}

/** What requests are sent to, and what guards each of them. */
export const PATHS = {
  '/guard': { kind: 'access' },
  '/refreshable': { kind: 'refresh' },
  '/optional': { kind: 'access' },
  '/always': { kind: 'access', asked: true },
  '/never': { kind: 'access', asked: false },
  '/public': { kind: 'access' },
  '/refresh': { kind: 'refresh', asked: true },
  '/logout': { kind: 'access', asked: true },
} as const
export type Path = keyof typeof PATHS

/** A server over real HTTP, of which it is known how many requests reached the application, and a handler behind a guard. */
export class Scene {
  readonly stage: Stage
  seen = 0
  handled = 0
  #populated: Populated
  #respond: ReturnType<Koa['callback']>
  readonly #server: Server

  private constructor(stage: Stage, populated: Populated) {
    this.stage = stage
    this.#populated = populated
    this.#respond = this.#app().callback()
    this.#server = createServer((request, response) => {
      this.seen++
      void this.#respond(request, response)
    })
    // A connection is open for as long as the client wants it.
    this.#server.keepAliveTimeout = 0
  }

  static async open(stage: Stage): Promise<Scene> {
    const scene = new Scene(stage, await populate(stage.setup, stage.options))
    await new Promise<void>(resolve => scene.#server.listen(0, '127.0.0.1', resolve))
    return scene
  }

  get populated(): Populated {
    return this.#populated
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The CSRF value of the session that is logged in. */
  get csrf(): string {
    return String(contentOf(this.#populated.tokens.access).csrf ?? 'none')
  }

  /** Begin again with another store, after something has changed in this one. */
  async renew(): Promise<void> {
    this.#populated = await populate(this.stage.setup, this.stage.options)
    this.#respond = this.#app().callback()
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #app(): Koa {
    const { authx } = this.#populated
    const router = new Router()
    const whoIsThere: Koa.Middleware = ctx => {
      this.handled++
      ctx.body = { sub: ctx.state.token?.sub ?? null }
    }
    router.all('/guard', authx.accessTokenRequired(), whoIsThere)
    router.all('/refreshable', authx.refreshTokenRequired(), whoIsThere)
    router.all('/optional', authx.accessTokenRequired({ optional: true }), whoIsThere)
    router.all('/always', authx.accessTokenRequired({ verifyCsrf: true }), whoIsThere)
    router.all('/never', authx.accessTokenRequired({ verifyCsrf: false }), whoIsThere)
    router.all('/public', whoIsThere)
    router.all('/refresh', async ctx => {
      ctx.body = await authx.refresh(ctx)
    })
    router.all('/logout', async ctx => {
      await authx.logout(ctx)
      ctx.status = 204
    })
    const app = new Koa()
    app.silent = true
    if (this.stage.parses) app.use(bodies())
    app.use(authx.middleware()).use(router.routes())
    return app
  }
}

/** koa-body, and an answer of its own to what it cannot parse. */
function bodies(): Koa.Middleware {
  const parse = koaBody({
    multipart: true,
    onError: () => {
      throw new Unparsable()
    },
  })
  return async function parseOrRefuse(ctx, next) {
    try {
      await parse(ctx, async () => {})
    } catch (error) {
      if (!(error instanceof Unparsable)) throw error
      ctx.status = 400
      ctx.body = { message: 'The body cannot be parsed', error_type: 'Unparsable' }
      return
    }
    await next()
  }
}

class Unparsable extends Error {}
