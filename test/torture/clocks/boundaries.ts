import { contentOf } from '../reference/signing.js'
import type { Group } from './group.js'
import type { Ask, Settings } from './model.js'

const START = Date.UTC(2026, 5, 1, 12)
const SECOND = 1000

const NEAR = [-1001, -1000, -999, -1, 0, 1, 999, 1000]

/** A moment at which something begins or ends for a token: milliseconds. */
interface Boundary {
  readonly of: string
  readonly at: number
}

const LIVES = { accessLife: 900, refreshLife: 7000, sessionLife: 7200 }

const SETTINGS: readonly Settings[] = [0, 1, 59, 60, 61, 300].flatMap(leeway =>
  [0, 1, 10, 60].flatMap(grace => [0, 61].map(recovery => ({ leeway, grace, recovery, ...LIVES }))),
)

/** A refresh that is granted changes what comes next: it is asked for last, at one boundary. */
const ASKS: readonly { what: Ask['what']; last?: Boundary['of'] }[] = [
  { what: 'guard' },
  { what: 'refreshable' },
  { what: 'refresh', last: 'grace' },
  { what: 'refresh', last: 'recovery' },
]

/** Ask at every boundary, and right beside it, a server whose clock is nowhere near those of the others. */
export async function tryBoundaries(group: Group, step: number): Promise<void> {
  let n = 0
  for (const settings of SETTINGS) {
    for (const past of [0, 3300, 6900]) {
      for (const near of NEAR) {
        n++
        if (n % step === 0) await tryOne(group, settings, past * SECOND, near, `boundaries ${n}`)
      }
    }
  }
}

/** A session that has been refreshed `past` milliseconds after its login, and every moment of its tokens. */
async function tryOne(group: Group, settings: Settings, past: number, near: number, name: string): Promise<void> {
  let time = START
  group.begin(name, settings, () => time)
  const [first, second] = group.machines
  if (!first || !second) throw new Error('two servers are needed')
  for (const { what, last } of ASKS) {
    time = START
    const [, refresh = ''] = await group.ask(first, {
      what: 'login',
      about: `${name} ${what} ${last}`.replaceAll(' ', '-'),
    })
    time += past
    const [access, next] = await group.ask(first, { what: 'refresh', about: refresh })
    // The refresh token has not lived that long: the model has seen that it was refused.
    if (access === undefined || next === undefined) continue
    const token = what === 'guard' ? access : next
    for (const { at } of boundariesOf(group, token)) {
      second.offset = at + near - time
      await group.ask(second, { what: what === 'refresh' ? 'refreshable' : what, about: token })
      await group.ask(second, { what: 'refreshable', about: refresh })
    }
    if (!last) continue
    const { at } = boundariesOf(group, token).find(({ of }) => of === last) as Boundary
    second.offset = at + near - time
    await group.ask(second, { what: 'refresh', about: refresh })
    await group.ask(first, { what: 'refresh', about: token })
  }
}

function boundariesOf(group: Group, token: string): Boundary[] {
  const { leeway, grace, recovery } = group.settings
  const { iat, exp } = contentOf(token)
  const session = group.model.sessionOf(token)
  const { rotatedAt = 0, exchangedAt = rotatedAt, expiresAt = 0 } = session ?? {}
  return [
    { of: 'exp', at: Number(exp) * SECOND },
    { of: 'exp and leeway', at: (Number(exp) + leeway) * SECOND },
    { of: 'iat', at: (Number(iat) - Math.max(60, leeway)) * SECOND },
    { of: 'grace', at: rotatedAt + grace * SECOND },
    { of: 'grace before', at: rotatedAt - grace * SECOND },
    { of: 'recovery', at: exchangedAt + recovery * SECOND },
    { of: 'session', at: expiresAt },
  ]
}

/** Two servers, the second ahead or behind by so many milliseconds. */
const APART = [
  ...[0, 1, 500, 999, 1000, 1001, 9999, 10_000, 10_001, 29_000, 31_000, 59_000].flatMap(each => [each, -each]),
  ...[59_999, 60_000, 60_001, 90_000, 3_600_000, 86_400_000].flatMap(each => [each, -each]),
]

/**
 * A refresh token that was used up at one server comes to another: it gets the same successor, or another one, or its
 * session is over at both. The model knows which; and however often the two take turns, the session ends when it was to end.
 */
export async function tryClocksApart(group: Group, step: number): Promise<void> {
  let n = 0
  for (const grace of [0, 1, 10, 60]) {
    for (const recovery of [0, 3600]) {
      for (const apart of APART) {
        n++
        if (n % step !== 0) continue
        const settings: Settings = { leeway: 30, grace, recovery, accessLife: 60, refreshLife: 1800, sessionLife: 7200 }
        await replayElsewhere(group, settings, apart, `apart ${n}`)
        await takeTurns(group, settings, apart, `turns ${n}`)
      }
    }
  }
}

async function replayElsewhere(group: Group, settings: Settings, apart: number, name: string): Promise<void> {
  let time = START
  group.begin(name, settings, () => time)
  const [here, there] = group.machines
  if (!here || !there) throw new Error('two servers are needed')
  there.offset = apart
  const [, refresh = ''] = await group.ask(here, { what: 'login', about: name.replaceAll(' ', '-') })
  time += 60_000
  const tokens = await group.ask(here, { what: 'refresh', about: refresh })
  await group.ask(there, { what: 'refresh', about: refresh })
  for (const machine of [here, there]) {
    for (const token of tokens) await group.ask(machine, { what: usedFor(token), about: token })
  }
}

/** Refreshed by both in turns until after its end. */
async function takeTurns(group: Group, settings: Settings, apart: number, name: string): Promise<void> {
  let time = START
  group.begin(name, settings, () => time)
  const [here, there] = group.machines
  if (!here || !there) throw new Error('two servers are needed')
  there.offset = apart
  let [access = '', refresh = ''] = await group.ask(here, { what: 'login', about: name.replaceAll(' ', '-') })
  for (let turn = 1; turn <= 12; turn++) {
    time += 660_000
    const [asked, other] = turn % 2 === 0 ? [here, there] : [there, here]
    const tokens = await group.ask(asked, { what: 'refresh', about: refresh })
    access = tokens[0] ?? access
    refresh = tokens[1] ?? refresh
    await group.ask(other, { what: 'guard', about: access })
  }
}

const usedFor = (token: string) => (contentOf(token).type === 'access' ? 'guard' : 'refreshable')
