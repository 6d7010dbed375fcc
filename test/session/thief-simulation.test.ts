import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Play } from './play.js'

const SEEDS = 20
/** Ten days of refreshes. */
const MOST_ROUNDS = 1_000
const MINUTE = 60_000

/** A generator of numbers from 0 to 1 that a seed decides (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** When in a round the thief acts: each is followed by the next. */
type Moment = 'before the owner' | 'in the grace period' | 'before the owner uses the new tokens' | 'at the end'

interface Strategy {
  readonly moments: readonly Moment[]
  /** Whether the thief uses each access token at once. */
  readonly uses: boolean
  /** How likely he acts at such a moment. */
  readonly often: number
}

const STRATEGIES: Readonly<Record<string, Strategy>> = {
  'replays within every grace period': { moments: ['in the grace period'], uses: true, often: 1 },
  'refreshes before the owner, and uses the tokens': { moments: ['before the owner'], uses: true, often: 1 },
  'refreshes before the owner, and uses nothing': { moments: ['before the owner'], uses: false, often: 1 },
  'refreshes before the owner uses the new tokens': {
    moments: ['before the owner uses the new tokens'],
    uses: true,
    often: 1,
  },
  'refreshes once the owner has used the new tokens': { moments: ['at the end'], uses: true, often: 1 },
  'refreshes now and then, and uses nothing': {
    moments: ['before the owner', 'before the owner uses the new tokens', 'at the end'],
    uses: false,
    often: 0.2,
  },
}

/** An owner who refreshes every quarter of an hour, and loses one answer in fifty; and perhaps a thief. */
class Round {
  owner = 0
  thief = 0
  readonly #play: Play
  readonly #random: () => number
  readonly #strategy: Strategy | undefined

  constructor(play: Play, random: () => number, strategy?: Strategy) {
    this.#play = play
    this.#random = random
    this.#strategy = strategy
  }

  run(): void {
    this.#act('before the owner')
    this.#play.waitMs(MINUTE)
    while (!this.#play.ended) {
      this.#play.refresh(this.owner)
      if (this.#random() >= 0.02) break
      this.#play.waitMs(Math.floor(this.#random() * 60) * MINUTE)
    }
    this.owner = this.#play.record.gen
    this.#play.waitMs(3_000)
    this.#act('in the grace period')
    this.#play.waitMs(MINUTE)
    this.#act('before the owner uses the new tokens')
    if (this.#strategy?.moments.includes('before the owner uses the new tokens') || this.#random() < 0.9) {
      this.#play.use(this.owner)
    }
    this.#play.waitMs(MINUTE)
    this.#act('at the end')
    this.#play.waitMs(12 * MINUTE)
  }

  #act(moment: Moment): void {
    const strategy = this.#strategy
    if (this.#play.ended || !strategy?.moments.includes(moment) || this.#random() >= strategy.often) return
    this.#play.refresh(this.thief)
    if (this.#play.ended) return
    this.thief = this.#play.record.gen
    if (strategy.uses) this.#play.use(this.thief)
  }
}

/** For each seed: the number of rounds until the session ended by reuse, at most `MOST_ROUNDS`. */
function roundsUntilNoticed(refreshRecovery: number, strategy?: Strategy): number[] {
  return Array.from({ length: SEEDS }, (_, seed) => {
    const play = new Play({ refreshRecovery })
    const round = new Round(play, randomOf(seed + 1), strategy)
    let rounds = 0
    while (rounds < MOST_ROUNDS && !play.ended) {
      round.run()
      rounds++
    }
    assert.ok(!play.ended || play.isReused)
    return rounds
  }).sort((a, b) => a - b)
}

const summary = (rounds: readonly number[]) => `median ${rounds[SEEDS / 2]}, at most ${rounds.at(-1)}`

describe('a thief in a simulation', () => {
  test('that does not replay is noticed within two generations', t => {
    for (const [says, strategy] of Object.entries(STRATEGIES)) {
      const [withRecovery, without] = [86_400, 0].map(recovery => roundsUntilNoticed(recovery, strategy))
      assert.ok(withRecovery && without)
      t.diagnostic(`${says}: ${summary(withRecovery)} rounds; without recovery ${summary(without)}`)
      if (strategy.often === 1 && !strategy.moments.includes('in the grace period')) {
        assert.ok(Number(withRecovery.at(-1)) <= 2, says)
      }
    }
  })

  test('that is not there is not noticed, though answers are lost; without recovery the owner is logged out', t => {
    const [withRecovery, without] = [86_400, 0].map(recovery => roundsUntilNoticed(recovery))
    assert.ok(withRecovery && without)
    t.diagnostic(
      `an owner alone stays logged in: ${summary(withRecovery)} rounds; without recovery ${summary(without)}`,
    )
    assert.equal(withRecovery[0], MOST_ROUNDS)
    assert.ok(Number(without.at(-1)) < MOST_ROUNDS)
  })
})
