import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type IssuerKey, type IssuerServer, issuerKey } from '../support/issuer-server.js'
import { DAY, HOUR, type Scene, SECOND, sceneOf } from './scene.js'

const keys = (await Promise.all(['a', 'b', 'c'].map(kid => issuerKey(kid)))) as [IssuerKey, IssuerKey, IssuerKey]
const strangers = (await Promise.all(['a', 'b', 'x'].map(kid => issuerKey(kid)))) as [IssuerKey, IssuerKey, IssuerKey]

/** What happens: time passes, the server of the keys changes, or several requests come at once. */
type Event =
  | { readonly kind: 'time'; readonly milliseconds: number }
  | { readonly kind: 'server'; readonly answer: 'keys' | 'error' | 'garbage'; readonly published: readonly number[] }
  | { readonly kind: 'tokens'; readonly tokens: readonly Sent[] }

/** A token that `keys[key]` has signed; `forged`: that a stranger has signed, with a kid of the issuer or an unknown one. */
interface Sent {
  readonly key: number
  readonly forged: boolean
}

/**
 * The contract of key sets, for requests that come one after another. The server answers at once, so that nothing is
 * ever waited for.
 */
class Model {
  now = 0
  answer: 'keys' | 'error' | 'garbage' = 'keys'
  published: readonly number[] = [0]
  asked = 0
  #set: readonly number[] | undefined
  #readAt = Number.NEGATIVE_INFINITY
  #askedAt = Number.NEGATIVE_INFINITY
  #failed = false

  statusOf({ key, forged }: Sent): number {
    if (!this.#hasSet() || this.now - this.#readAt >= HOUR) this.#askUnlessAskedLately()
    if (this.#hasSet() && !this.#knows(key, forged)) this.#askUnlessAskedLately()
    if (!this.#hasSet()) return 503
    if (this.#knows(key, forged)) return forged ? 401 : 200
    return this.#failed ? 503 : 401
  }

  #hasSet(): boolean {
    return this.#set !== undefined && this.now - this.#readAt < DAY
  }

  #knows(key: number, forged: boolean): boolean {
    const kid = (forged ? strangers : keys)[key]?.kid
    return this.#set?.some(each => keys[each]?.kid === kid) ?? false
  }

  #askUnlessAskedLately(): void {
    if (this.now - this.#askedAt < (this.#hasSet() ? 30 : 5) * SECOND) return
    this.asked += 1
    this.#askedAt = this.now
    this.#failed = this.answer !== 'keys'
    if (this.#failed) return
    this.#set = this.published
    this.#readAt = this.now
  }
}

/** Moments on both sides of every time of the contract. */
const around = [5 * SECOND, 30 * SECOND, HOUR, DAY].flatMap(time => [time - 1, time, time + 1])

const sent: fc.Arbitrary<Sent> = fc.record({ key: fc.nat({ max: 2 }), forged: fc.boolean() })
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constant('time' as const),
    milliseconds: fc.oneof(fc.constantFrom(...around), fc.nat({ max: 2 * DAY }), fc.nat({ max: 60 * SECOND })),
  }),
  fc.record({
    kind: fc.constant('server' as const),
    answer: fc.constantFrom('keys' as const, 'keys' as const, 'error' as const, 'garbage' as const),
    published: fc.uniqueArray(fc.nat({ max: 2 }), { maxLength: 3 }),
  }),
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('tokens' as const),
      tokens: fc.array(sent, { minLength: 1, maxLength: 5 }),
    }),
  },
)

const ANSWERS: Readonly<Record<Model['answer'], IssuerServer['answer']>> = {
  keys: undefined,
  error: (_req, res) => res.writeHead(500).end(),
  garbage: (_req, res) => res.end('<p>Hello'),
}

/** Prepares the server as an event says. */
function prepare({ server }: Scene, { answer, published }: Pick<Model, 'answer' | 'published'>): void {
  server.keys = published.map(key => keys[key] as IssuerKey)
  server.answer = ANSWERS[answer]
}

/** The tokens of all keys. Each is sent many times, so that it is also accepted without verifying it again. */
async function tokensOf({ server }: Scene): Promise<(sent: Sent) => string> {
  const made = new Map<string, string>()
  for (const key of [0, 1, 2]) {
    made.set(`${key} false`, await server.token({ jti: `${key}` }, {}, keys[key]))
    made.set(`${key} true`, await server.token({ jti: `${key}` }, {}, strangers[key]))
  }
  return ({ key, forged }) => made.get(`${key} ${forged}`) as string
}

test('in every order of events, key sets do what a model of their contract does', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 40 }), async events => {
      const scene = await sceneOf(t)
      const model = new Model()
      prepare(scene, model)
      const tokenOf = await tokensOf(scene)
      for (const each of events) {
        if (each.kind === 'time') {
          model.now += each.milliseconds
          scene.pass(each.milliseconds)
        } else if (each.kind === 'server') {
          Object.assign(model, { answer: each.answer, published: each.published })
          prepare(scene, model)
        } else {
          for (const sent of each.tokens) {
            assert.equal(await scene.statusOf(tokenOf(sent)), model.statusOf(sent), JSON.stringify(sent))
            assert.equal(scene.server.askedForKeys, model.asked)
          }
        }
      }
    }),
    { numRuns: 150 },
  )
})

test('requests that come at once get the answers of the old set or of the new one, and never a stranger’s', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 40 }), async events => {
      const scene = await sceneOf(t)
      const state: Pick<Model, 'answer' | 'published'> = { answer: 'keys', published: [0] }
      prepare(scene, state)
      const tokenOf = await tokensOf(scene)
      /** Sets that the server has published since the start. A key that was in none of them lets nobody in. */
      const everPublished = new Set<number>(state.published)
      let now = 0
      let askedAt = Number.NEGATIVE_INFINITY
      for (const each of events) {
        if (each.kind === 'time') {
          now += each.milliseconds
          scene.pass(each.milliseconds)
        } else if (each.kind === 'server') {
          Object.assign(state, { answer: each.answer, published: each.published })
          if (each.answer === 'keys') for (const key of each.published) everPublished.add(key)
          prepare(scene, state)
        } else {
          const before = scene.server.askedForKeys
          const statuses = await Promise.all(each.tokens.map(sent => scene.statusOf(tokenOf(sent))))
          each.tokens.forEach(({ key, forged }, n) => {
            if (forged || !everPublished.has(key)) assert.notEqual(statuses[n], 200)
          })
          const asked = scene.server.askedForKeys - before
          assert.ok(asked <= 1, `${asked} requests at once`)
          if (asked === 0) continue
          assert.ok(now - askedAt >= 5 * SECOND, 'asked too soon')
          askedAt = now
        }
      }
    }),
    { numRuns: 100 },
  )
})
