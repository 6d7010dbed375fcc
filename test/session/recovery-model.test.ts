import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lineageOf } from '../../src/session/lineage.js'
import { changed, explore, type Holder, type Move, NOBODY, STEP_MS, type State, waiting } from './explore-play.js'
import { GRACE_MS, Play } from './play.js'

const OWNER = 0
const THIEF = 1
const LONGER_THAN_GRACE = GRACE_MS + 1000
const HOUR = 3_600_000

/** What the games below remember: generations that each holder has made since the copy, without a replay. */
interface Memory {
  readonly made: readonly [owner: number, thief: number]
  /** Whether somebody was told of a replay. */
  readonly replayed: boolean
  /** Whether a guarded request with the current generation was served. */
  readonly isUsed: boolean
  /** Whether the tokens of each holder are of a generation that a recovery has replaced. */
  readonly isLost: readonly boolean[]
  /** What must never happen, in words. */
  readonly broken?: string
}

const START: State<Memory> = {
  play: new Play(),
  holders: [{ refresh: 0, access: 0 }, NOBODY],
  memory: { made: [0, 0], replayed: false, isUsed: false, isLost: [false, false] },
}

/** Refresh. With `isAnswerLost` the server has answered and the answer is lost. */
const refreshing =
  (who: number, isAnswerLost: boolean): Move<Memory> =>
  state =>
    changed(state, who, (play, holder) => {
      const before = play.record.gen
      const outcome = play.refresh(holder.refresh)
      const isGiven = !isAnswerLost && !play.ended
      const { gen } = play.record
      return {
        ...(isGiven && { holder: { refresh: gen, access: gen } }),
        memory: remembered(state, { who, outcome, before, isGiven, isNew: gen !== before }),
      }
    })

/** What a game remembers of a refresh. */
function remembered(
  { memory, holders }: State<Memory>,
  refresh: { who: number; outcome: string; before: number; isGiven: boolean; isNew: boolean },
): Memory {
  const { who, outcome, before, isGiven, isNew } = refresh
  const [owner, thief] = memory.made.map((made, n) => (n === who && isGiven && isNew ? Math.min(made + 1, 4) : made))
  const isLost = holders.map(({ access }, n) => {
    if (n === who && isGiven) return false
    return memory.isLost[n] === true || (outcome === 'recover' && access === before)
  })
  const isBroken = outcome === 'recover' && memory.isUsed
  return {
    made: holders[THIEF] === NOBODY ? [0, 0] : [owner ?? 0, thief ?? 0],
    replayed: memory.replayed || outcome === 'replay',
    isUsed: memory.isUsed && !isNew,
    isLost,
    ...(isBroken && { broken: 'tokens that somebody has used were replaced by a recovery' }),
  }
}

const using =
  (who: number): Move<Memory> =>
  state =>
    changed(state, who, (play, { access }) => {
      const isServed = play.use(access)
      const isUsed = state.memory.isUsed || (isServed && access === play.record.gen)
      const isBroken = isServed && state.memory.isLost[who] === true
      return {
        memory: { ...state.memory, isUsed, ...(isBroken && { broken: 'a guard served a token of a lost answer' }) },
      }
    })

/** An hour passes, as long as the last exchange is less than a day ago. */
const sleeping: Move<Memory> = state =>
  state.play.now - lineageOf(state.play.record).exchangedAt < 22 * HOUR ? waiting<Memory>(HOUR)(state) : undefined

/** The thief copies the refresh token, and with it the access token. */
const copying: Move<Memory> = state =>
  state.holders[THIEF] === NOBODY
    ? {
        ...state,
        holders: [state.holders[OWNER] ?? NOBODY, state.holders[OWNER] ?? NOBODY],
        memory: { ...state.memory, isLost: state.memory.isLost.map(() => state.memory.isLost[OWNER] === true) },
      }
    : undefined

const OWNERS_MOVES = {
  'the owner refreshes': refreshing(OWNER, false),
  'the owner refreshes, and the answer is lost': refreshing(OWNER, true),
  'the owner sends a guarded request': using(OWNER),
  'more than the grace period passes': waiting<Memory>(LONGER_THAN_GRACE),
}

const THIEFS_MOVES = {
  'the thief copies': copying,
  'the thief refreshes': refreshing(THIEF, false),
  'the thief sends a guarded request': using(THIEF),
}

/** Of `moves`, those whose names do not contain `part`. */
const without = <Memory>(moves: Record<string, Move<Memory>>, part: string) =>
  Object.fromEntries(Object.entries(moves).filter(([name]) => !name.includes(part)))

/**
 * A browser with tabs that share one cookie jar. The holders are the jar, a slow request, and the two answers that may
 * be under way; a game remembers for how many steps of time each has been.
 *
 * It assumes that a request or an answer arrives within half of the grace period or not at all, and that answers arrive
 * in the order in which the server gave them. AuthXClient gives up after a shorter time, and its tabs take turns. A later
 * answer would put voided tokens into the jar.
 */
interface UnderWay {
  readonly request: number
  readonly answers: readonly number[]
}

const JAR = 0
const REQUEST = 1
const FIRST_ANSWER = 2
const MOST_STEPS = 2
const BROWSER: State<UnderWay> = {
  play: new Play(),
  holders: [{ refresh: 0, access: 0 }, NOBODY, NOBODY, NOBODY],
  memory: { request: 0, answers: [] },
}

const replaced = (holders: readonly Holder[], at: number, by: Holder) =>
  holders.map((each, n) => (n === at ? by : each))

/** The server gets the refresh of holder `who`, and answers. */
const answered =
  (who: number): Move<UnderWay> =>
  state => {
    const { answers } = state.memory
    if (answers.length === 2) return undefined
    const after = changed(state, who, (play, { refresh }) => {
      play.refresh(refresh)
      return { memory: { ...state.memory, answers: [...answers, 0] }, ...(who === REQUEST && { holder: NOBODY }) }
    })
    if (!after) return undefined
    const { gen } = after.play.record
    const holders = replaced(after.holders, FIRST_ANSWER + answers.length, { refresh: gen, access: gen })
    return { ...after, holders }
  }

/** A tab sends a refresh that takes its time. */
const sendingSlowly: Move<UnderWay> = state =>
  state.holders[REQUEST] === NOBODY
    ? {
        ...state,
        holders: replaced(state.holders, REQUEST, state.holders[JAR] ?? NOBODY),
        memory: { ...state.memory, request: 0 },
      }
    : undefined

/** The answer number `n` goes: into the jar, or it is lost. */
const arriving =
  (n: number, isLost: boolean): Move<UnderWay> =>
  ({ play, holders, memory }) => {
    if (n >= memory.answers.length) return undefined
    const [jar = NOBODY, request = NOBODY, ...answers] = holders
    const left = [...answers.filter((_, each) => each !== n), NOBODY]
    const next = isLost ? jar : (answers[n] ?? NOBODY)
    const steps = memory.answers.filter((_, each) => each !== n)
    return { play, holders: [next, request, ...left], memory: { ...memory, answers: steps } }
  }

/** A quarter of the grace period passes. What has been under way for half of it is lost. */
const stepping: Move<UnderWay> = state => {
  const { play, holders, memory } = waiting<UnderWay>(STEP_MS)(state) ?? state
  const request = holders[REQUEST] === NOBODY ? 0 : memory.request + 1
  const isRequestLost = request === MOST_STEPS
  const older: State<UnderWay> = {
    play,
    holders: isRequestLost ? replaced(holders, REQUEST, NOBODY) : holders,
    memory: { request: isRequestLost ? 0 : request, answers: memory.answers.map(steps => steps + 1) },
  }
  return withoutOldAnswers(older)
}

function withoutOldAnswers(state: State<UnderWay>): State<UnderWay> {
  if (state.memory.answers[0] !== MOST_STEPS) return state
  return withoutOldAnswers(arriving(0, true)(state) ?? state)
}

/** An hour passes, and no answer is under way any more. */
const closing: Move<UnderWay> = state =>
  state.memory.answers.length > 0 ||
  state.holders[REQUEST] !== NOBODY ||
  state.play.now - lineageOf(state.play.record).exchangedAt >= 22 * HOUR
    ? undefined
    : waiting<UnderWay>(HOUR)(state)

const TABS_MOVES: Record<string, Move<UnderWay>> = {
  'a tab refreshes': answered(JAR),
  'a tab sends a refresh that takes its time': sendingSlowly,
  'the slow refresh reaches the server': answered(REQUEST),
  'the first answer arrives': arriving(0, false),
  'the first answer is lost': arriving(0, true),
  'the second answer is lost': arriving(1, true),
  'a tab sends a guarded request': state =>
    changed(state, JAR, (play, { access }) => {
      play.use(access)
      return {}
    }),
  'a quarter of the grace period passes': stepping,
  'an hour passes': closing,
}

/** What the games about ends remember. */
interface Ends {
  /** Whether a logout or revokeAllSessions was answered. */
  readonly isOver: boolean
  /** Whether a request was served after that. */
  readonly isServed: boolean
}

/** `holders` and the moves of owner and thief, of whom each is served or not. */
const serving =
  (who: number, serve: (play: Play, holder: Holder) => boolean): Move<Ends> =>
  state =>
    changed(state, who, (play, holder) => {
      const isServed = serve(play, holder)
      const { gen } = play.record
      return {
        ...(isServed && gen !== state.play.record.gen && { holder: { refresh: gen, access: gen } }),
        memory: { ...state.memory, isServed: state.memory.isOver && isServed },
      }
    })

const refreshed = (play: Play, { refresh }: Holder) => ['rotate', 'recover', 'replay'].includes(play.refresh(refresh))
const used = (play: Play, { access }: Holder) => play.use(access)

const ending =
  (end: (play: Play) => void): Move<Ends> =>
  state =>
    changed(state, OWNER, play => {
      end(play)
      return { memory: { isOver: true, isServed: false } }
    })

const ENDS_MOVES: Record<string, Move<Ends>> = {
  'the owner refreshes': serving(OWNER, refreshed),
  'the owner sends a guarded request': serving(OWNER, used),
  'the thief refreshes': serving(THIEF, refreshed),
  'the thief sends a guarded request': serving(THIEF, used),
  'the owner logs out': ending(play => play.logout()),
  'the owner logs out everywhere': ending(play => play.revokeAll()),
  'a quarter of the grace period passes': waiting<Ends>(STEP_MS),
  'an hour passes': ({ play, ...others }) =>
    play.now - lineageOf(play.record).exchangedAt < 22 * HOUR ? waiting<Ends>(HOUR)({ play, ...others }) : undefined,
}

describe('in every order of what can happen to a session', () => {
  test('a client that loses any number of answers stays logged in', t => {
    const moves = { ...OWNERS_MOVES, 'an hour passes': sleeping }
    const { states, broken } = explore(START, moves, ({ play }) => play.ended)
    assert.deepEqual(broken, undefined)
    t.diagnostic(`${states} states`)
    assert.ok(states > 100)
  })

  test('two tabs with one cookie jar stay logged in, though answers are lost or late', t => {
    const { states, broken } = explore(BROWSER, TABS_MOVES, ({ play }) => play.ended)
    assert.deepEqual(broken, undefined)
    t.diagnostic(`${states} states`)
    assert.ok(states > 500)
  })

  test('tokens that somebody has used are never replaced by a recovery, and tokens that were replaced pass no guard', t => {
    const moves = { ...OWNERS_MOVES, ...THIEFS_MOVES }
    const start = { ...START, memory: { ...START.memory, made: [0, 0] as const } }
    const { states, broken } = explore(start, moves, ({ memory }) => memory.broken !== undefined)
    assert.deepEqual(broken, undefined)
    t.diagnostic(`${states} states`)
  })

  for (const [thief, part] of [
    ['a thief', '-'],
    ['a thief who never uses an access token', 'thief sends'],
  ] as const) {
    test(`an owner and ${thief} do not both go on for more than two generations, unless one replays`, t => {
      const moves = without({ ...OWNERS_MOVES, ...THIEFS_MOVES, 'an hour passes': sleeping }, part)
      const isUnnoticed = ({ memory: { made, replayed }, play }: State<Memory>) =>
        !play.ended && !replayed && Math.min(...made) > 2
      const { states, broken } = explore(START, moves, isUnnoticed)
      assert.deepEqual(broken, undefined)
      t.diagnostic(`${states} states`)
      assert.ok(states > 500)
    })
  }

  test('nothing lives after a logout, or a logout everywhere, was answered', t => {
    const holders = [
      { refresh: 0, access: 0 },
      { refresh: 0, access: 0 },
    ]
    const start: State<Ends> = { play: new Play(), holders, memory: { isOver: false, isServed: false } }
    const { states, broken } = explore(start, ENDS_MOVES, ({ memory }) => memory.isServed)
    assert.deepEqual(broken, undefined)
    t.diagnostic(`${states} states`)
    assert.ok(states > 100)
  })
})
