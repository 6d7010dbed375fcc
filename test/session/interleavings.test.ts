import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { TokenPayload } from '../../src/token/payload.js'
import { accessTokenOf, modelStore, Process } from './model.js'

/** What a process does next; `pick` chooses among the sessions or tokens that have been handed out so far. */
type Step =
  | { does: 'refresh'; pick: number }
  | { does: 'logout'; pick: number }
  | { does: 'login' }
  | { does: 'revokeAll' }
  | { does: 'clock'; by: number }

const pick = fc.nat(1000)
const clockStep = fc.record({ does: fc.constant('clock' as const), by: fc.integer({ min: -20_000, max: 20_000 }) })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ does: fc.constant('refresh' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('logout' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('login' as const) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('revokeAll' as const) }) },
  { weight: 2, arbitrary: clockStep },
)
const scripts = fc.array(fc.array(step, { maxLength: 8 }), { minLength: 2, maxLength: 4 })
const grace = fc.constantFrom(0, 10)

/** Everything that clients were told, in the order in which they were told it. */
class World {
  readonly tokens: TokenPayload[] = []
  /** Sessions of which a client was told that they have ended. */
  readonly ended = new Set<string>()
  /** Sessions whose login began while no revokeAllSessions was under way, and how many had been before. */
  readonly undisturbed = new Map<string, number>()
  readonly violations: string[] = []
  revocations = { begun: 0, done: 0 }
  #sids = 0

  async login(process: Process): Promise<void> {
    const sid = `s${this.#sids++}`
    const { begun, done } = this.revocations
    if (begun === done) this.undisturbed.set(sid, begun)
    this.tokens.push(await process.login(sid, 'ada'))
  }

  async refresh(process: Process, token: TokenPayload): Promise<void> {
    const wasEnded = this.ended.has(String(token.sid))
    const successor = await process.refresh(token)
    if (!successor) return
    if (wasEnded) this.violations.push(`refreshed ${token.sid} after its end had been acknowledged`)
    this.tokens.push(successor)
  }

  async logout(process: Process, token: TokenPayload): Promise<void> {
    await process.sessions.revoke(accessTokenOf(token))
    this.ended.add(String(token.sid))
  }

  async revokeAll(process: Process): Promise<void> {
    const sids = this.tokens.map(({ sid }) => String(sid))
    this.revocations.begun++
    await process.sessions.revokeAll('ada')
    this.revocations.done++
    for (const sid of sids) this.ended.add(sid)
  }

  async run(process: Process, steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (step.does === 'clock') process.offset += step.by
      else if (step.does === 'login') await this.login(process)
      else if (step.does === 'revokeAll') await this.revokeAll(process)
      else await this[step.does](process, this.tokens[step.pick % this.tokens.length] as TokenPayload)
    }
  }

  /** The tokens handed out for each session, each once. */
  bySession(): Map<string, TokenPayload[]> {
    const sessions = new Map<string, TokenPayload[]>()
    for (const token of new Map(this.tokens.map(each => [`${each.sid} ${each.jti}`, each])).values()) {
      sessions.set(String(token.sid), [...(sessions.get(String(token.sid)) ?? []), token])
    }
    return sessions
  }
}

/** Which of the tokens could be rotated now, by somebody with no grace. */
async function rotatable(records: Map<string, string>, tokens: readonly TokenPayload[]): Promise<TokenPayload[]> {
  const judge = new Process(modelStore(records), 0)
  const accepted = await Promise.all(tokens.map(token => judge.accepts(token)))
  return tokens.filter((_, n) => accepted[n])
}

/** Let the processes work through their scripts, with the store's calls in an order that fast-check chooses. */
async function play(
  scheduler: fc.Scheduler,
  scripts: readonly Step[][],
  grace: number,
  loses?: () => boolean,
): Promise<{ world: World; records: Map<string, string> }> {
  const records = new Map<string, string>()
  const store = modelStore(records, call => scheduler.schedule(Promise.resolve()).then(call), loses)
  const world = new World()
  const processes = scripts.map(() => new Process(store, grace))
  await scheduler.waitFor(world.login(processes[0] as Process))
  await scheduler.waitFor(Promise.all(processes.map((each, n) => world.run(each, scripts[n] ?? []))))
  return { world, records }
}

test('no interleaving of several processes revives an ended session or leaves two live successors', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), scripts, grace, async (scheduler, scripts, grace) => {
      const { world, records } = await play(scheduler, scripts, grace)
      assert.deepEqual(world.violations, [])
      const judge = new Process(modelStore(records), grace)
      for (const [sid, tokens] of world.bySession()) {
        assert.equal(new Set(tokens.map(({ gen }) => gen)).size, tokens.length, 'a token has two distinct successors')
        assert.ok(
          (await rotatable(records, tokens)).length <= 1,
          'two refresh tokens of one session can both be rotated',
        )
        if (!world.ended.has(sid)) continue
        for (const token of [...tokens, ...tokens.map(accessTokenOf)]) {
          assert.equal(await judge.accepts(token), false, `an ended session's ${token.type} token is accepted`)
        }
      }
    }),
    { numRuns: 500 },
  )
})

test('a login that began after revokeAllSessions had answered lives, whatever else goes on', async () => {
  const quiet = fc.oneof(fc.constant<Step>({ does: 'login' }), fc.constant<Step>({ does: 'revokeAll' }), clockStep)
  const scripts = fc.array(fc.array(quiet, { maxLength: 8 }), { minLength: 2, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), scripts, async (scheduler, scripts) => {
      const { world, records } = await play(scheduler, scripts, 10)
      for (const [sid, tokens] of world.bySession()) {
        const lives = world.undisturbed.get(sid) === world.revocations.begun
        if (lives) assert.equal((await rotatable(records, tokens)).length, 1)
        if (world.ended.has(sid)) assert.equal((await rotatable(records, tokens)).length, 0)
      }
    }),
    { numRuns: 300 },
  )
})

test('a store that loses acknowledged rotations never leaves two tokens that both go on', async () => {
  const losses = fc.infiniteStream(fc.boolean())
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), scripts, grace, losses, async (scheduler, scripts, grace, losses) => {
      const { world, records } = await play(scheduler, scripts, grace, () => losses.next().value)
      const later = new Process(modelStore(records), grace)
      for (const [sid, tokens] of world.bySession()) {
        const { gen } = JSON.parse(records.get(`session:${sid}`) ?? '{}') as { gen?: number }
        const current = (await rotatable(records, tokens)).filter(token => token.gen === gen)
        assert.ok(current.length <= 1, 'two tokens are taken for the current one')
        const handedOut = [...tokens]
        for (const token of tokens) {
          later.offset += 60_000
          const successor = await later.refresh(token)
          if (successor) handedOut.push(successor)
        }
        const survivors = await rotatable(records, handedOut)
        assert.ok(survivors.length <= 1, 'after every token has been presented, two of them live')
        if (world.ended.has(sid)) assert.equal(survivors.length, 0, 'an ended session goes on')
      }
    }),
    { numRuns: 500 },
  )
})
