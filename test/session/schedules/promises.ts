import type { EventName, TokenType } from '../../../src/index.js'
import type { Operation, Target } from './operations.js'
import type { Done, Run } from './run.js'
import { claimsOf, Judge, refresh, type Scene, SUBJECT, sidOf } from './scene.js'
import type { World } from './world.js'

/** What was asked about records that other runs have left as well. */
export type Answers = Map<string, Promise<boolean>>

/** The promises that a finished run has broken. Nothing is judged but what clients and the application can see. */
export async function brokenIn(run: Run, scene: Scene, known: Answers): Promise<string[]> {
  const judged = new Judged(run, scene, known)
  const checks = [answers, refusals, oneSuccessor, lives, lists, events]
  const broken: string[] = []
  for (const check of checks) broken.push(...(await check(judged)))
  return broken
}

/** One session: of the beginning, or of a login of the run. */
interface Known {
  readonly name: string
  readonly sid: string
  /** Refresh tokens that its clients have, the youngest last; and access tokens. */
  readonly refreshTokens: readonly string[]
  readonly accessTokens: readonly string[]
  /** The operation that opened it. */
  readonly login?: number
}

const judge = new Judge()

class Judged {
  readonly sessions: readonly Known[]
  readonly done: readonly Done[]

  readonly #world: World
  readonly #answers: Answers

  constructor(
    { world, done }: Run,
    readonly scene: Scene,
    answers: Answers,
  ) {
    this.#world = world
    this.#answers = answers
    this.done = done
    const { phone, laptop, imported } = scene
    const handedOut = (target: Target) => done.filter(({ operation }) => operation.uses === target).flatMap(pairOf)
    const known = (name: Target, sid: string, pairs: readonly { access_token: string; refresh_token: string }[]) => {
      const all = [...pairs, ...handedOut(name)]
      return {
        name,
        sid,
        accessTokens: all.map(each => each.access_token),
        refreshTokens: all.map(each => each.refresh_token),
      }
    }
    const first = known('imported', imported.sid, [])
    const logins = done.flatMap((each, login) =>
      each.operation.isLogin
        ? pairOf(each).map(pair => ({
            name: `the session of login ${login + 1}`,
            sid: sidOf(pair.refresh_token),
            accessTokens: [pair.access_token],
            refreshTokens: [pair.refresh_token],
            login,
          }))
        : [],
    )
    this.sessions = [
      known('phone', phone.sid, phone.pairs),
      known('laptop', laptop.sid, [laptop.pair]),
      { ...first, refreshTokens: [imported.refreshToken, ...first.refreshTokens] },
      ...logins,
    ]
  }

  /** What clients that come now, or later, are told of a token. */
  accepts(token: string, type: TokenType = 'access'): Promise<boolean> {
    return this.#ask(`accepts ${type}`, token, records =>
      judge.now(records, server => succeeds(server.verifyToken(token, { type }))),
    )
  }

  refreshes(token: string): Promise<boolean> {
    return this.#ask('refreshes', token, records => judge.now(records, server => succeeds(refresh(server, token))))
  }

  /** Whether a refresh token can be used after the grace period. */
  goesOn(token: string): Promise<boolean> {
    return this.#ask('goes on', token, records => judge.later(records, server => succeeds(refresh(server, token))))
  }

  shows(sid: string): Promise<boolean> {
    return judge.now(this.#world.records, server => server.getSession(sid).then(Boolean))
  }

  async listed(): Promise<string[]> {
    const list = await judge.now(this.#world.records, server => server.listSessions(SUBJECT))
    return list.map(({ sid }) => sid)
  }

  /** Many runs end with the same records, but for random ids. What is asked about them is asked once. */
  #ask(question: string, token: string, ask: (records: World['records']) => Promise<boolean>): Promise<boolean> {
    const key = `${question} ${this.#world.nameOf(claimsOf(token))}\n${this.#world.stored}`
    const answer = this.#answers.get(key) ?? ask(this.#world.records)
    this.#answers.set(key, answer)
    return answer
  }

  /** Whether somebody has been told that the session has ended. */
  hasEnded(session: Known): boolean {
    return this.done.some((each, by) => this.saidEnded(each, by, session))
  }

  saidEnded({ operation, outcome }: Done, by: number, { name, login }: Known): boolean {
    if (!outcome) return false
    if ('code' in outcome) return isRefusal(outcome.code) && operation.uses === name
    if (login === undefined) return operation.ends?.includes(name as Target) ?? false
    return operation.endsOthers === true && (this.done[by]?.after?.includes(login) ?? false)
  }

  /** Whether an operation may have ended it, be it that nobody was told. `by`: none of the others counts. */
  mayHaveEnded({ name, login }: Known): boolean {
    return this.done.some(({ operation }, by) => {
      if (login !== undefined) return operation.endsOthers === true && !this.#wasDoneBefore(login, by)
      return (operation.ends?.includes(name as Target) ?? false) || this.#isUsedUpReplay(operation, name)
    })
  }

  /** What has failed may still be done. */
  #wasDoneBefore(login: number, by: number): boolean {
    return (this.done[login]?.after?.includes(by) ?? false) && isDone(this.done[by] as Done)
  }

  /** Once the current token has been used up, its predecessor is an older one. */
  #isUsedUpReplay({ presents }: Operation, name: string): boolean {
    return name === 'phone' && presents === 1 && this.done.some(other => other.operation.presents === 2)
  }
}

const pairOf = ({ outcome }: Done) =>
  outcome && 'result' in outcome && outcome.result.pair ? [outcome.result.pair] : []
const isRefusal = (code: string) => code === 'ERR_TOKEN_REVOKED' || code === 'ERR_TOKEN_REUSED'
const isDone = ({ outcome }: Done) => outcome !== undefined && 'result' in outcome
const codeOf = ({ outcome }: Done) => (outcome && 'code' in outcome ? outcome.code : 'done')
const succeeds = (work: Promise<unknown>) =>
  work.then(
    () => true,
    () => false,
  )
const unless = (holds: boolean, promise: string) => (holds ? [] : [promise])

/** What the store refused is 503, and nothing else is. */
function answers({ done }: Judged): string[] {
  return done.flatMap(each => {
    const { operation, outcome, wasHit } = each
    if (!outcome) return [`${operation.name} has not answered`]
    const code = codeOf(each)
    if (wasHit) return unless(code === 'ERR_STORE_UNAVAILABLE', `a fault makes ${operation.name} ${code}, not 503`)
    const mayBeRefused = operation.uses !== undefined && isRefusal(code)
    return unless(code === 'done' || mayBeRefused, `${operation.name} comes to ${code} without a fault`)
  })
}

/** A token is refused if its session has ended, and only then. */
function refusals(judged: Judged): string[] {
  return judged.done.flatMap(each => {
    const { operation, after } = each
    const session = judged.sessions.find(({ name }) => name === operation.uses)
    if (!session) return []
    const wasOver = after?.some(by => judged.saidEnded(judged.done[by] as Done, by, session))
    const { name } = operation
    return [
      ...unless(!(isDone(each) && wasOver), `${name} is served after the end of the session was acknowledged`),
      ...unless(!(isDone(each) && operation.presents === 0), 'a refresh token older than the predecessor is served'),
      ...unless(
        !isRefusal(codeOf(each)) || judged.mayHaveEnded(session),
        `${name} is refused, and nobody ended its session`,
      ),
    ]
  })
}

/** Of one refresh token comes one successor, and of a session one refresh token goes on. */
function oneSuccessor({ done, scene }: Judged): string[] {
  const broken: string[] = []
  for (const presented of [1, 2, 'imported'] as const) {
    const given = done.filter(({ operation }) => operation.presents === presented).flatMap(pairOf)
    const tokens = given.map(each => each.refresh_token)
    if (presented === 1) tokens.push(scene.phone.pairs[2].refresh_token)
    broken.push(...unless(new Set(tokens).size <= 1, `token ${presented} has two different successors`))
  }
  return broken
}

/** What has ended is accepted nowhere, and what nobody ended lives and can be refreshed. */
async function lives(judged: Judged): Promise<string[]> {
  const broken: string[] = []
  for (const session of judged.sessions) {
    const { name, accessTokens, refreshTokens } = session
    const going: string[] = []
    for (const token of new Set(refreshTokens)) if (await judged.goesOn(token)) going.push(token)
    broken.push(...unless(going.length <= 1, `${going.length} refresh tokens of ${name} can both be used`))
    if (judged.hasEnded(session)) {
      broken.push(...unless(!(await isAlive(judged, session)), `${name} lives after its end was acknowledged`))
    } else if (!judged.mayHaveEnded(session)) {
      for (const token of accessTokens) {
        const accepted = await judged.accepts(token)
        broken.push(...unless(accepted, `an access token of ${name} is refused, and nobody ended its session`))
      }
      const honest = await judged.refreshes(refreshTokens.at(-1) ?? '')
      broken.push(...unless(honest, `the client of ${name} cannot refresh, and nobody ended its session`))
    }
  }
  return broken
}

/** Whether anything of a session is accepted by anybody. */
async function isAlive(judged: Judged, { sid, accessTokens, refreshTokens }: Known): Promise<boolean> {
  if (await judged.shows(sid)) return true
  for (const token of accessTokens) if (await judged.accepts(token)) return true
  for (const token of refreshTokens) {
    if ((await judged.accepts(token, 'refresh')) || (await judged.refreshes(token))) return true
  }
  return false
}

/** A login that was answered is listed, an ended session is not. */
async function lists(judged: Judged): Promise<string[]> {
  const { done, sessions } = judged
  const final = await judged.listed()
  const broken = sessions.flatMap(session => {
    const listed = final.includes(session.sid)
    const isOpen = session.name !== 'imported' || session.accessTokens.length > 0
    return [
      ...unless(!(listed && judged.hasEnded(session)), `${session.name} is listed after its end was acknowledged`),
      ...unless(listed || !isOpen || judged.mayHaveEnded(session), `${session.name} is not listed`),
    ]
  })
  for (const { outcome, after = [] } of done) {
    if (!outcome || !('result' in outcome) || !outcome.result.list) continue
    const shown = outcome.result.list.map(({ sid }) => sid)
    for (const session of sessions) {
      const wasOver = after.some(by => judged.saidEnded(done[by] as Done, by, session))
      const isThere = session.login === undefined ? session.name !== 'imported' : after.includes(session.login)
      broken.push(
        ...unless(
          !(wasOver && shown.includes(session.sid)),
          `a list shows ${session.name} after its end was acknowledged`,
        ),
        ...unless(
          !isThere || judged.mayHaveEnded(session) || shown.includes(session.sid),
          `a list lacks ${session.name}`,
        ),
      )
    }
  }
  return broken
}

/** What was acknowledged has been announced. */
function events({ done, scene }: Judged): string[] {
  const hears = ({ heard }: Done, ...names: EventName[]) => heard.some(({ name }) => names.includes(name))
  const isEndTold = done.some(({ heard }) =>
    heard.some(
      ({ name, sid }) => name === 'allRevoked' || ((name === 'revoked' || name === 'reuse') && sid === scene.phone.sid),
    ),
  )
  // What made the end may not know that it did.
  const isHidden = done.some(({ operation, wasHit }) => wasHit && (operation.ends ?? operation.presents === 1))
  return done.flatMap(each => {
    const { operation } = each
    const { name } = operation
    const code = codeOf(each)
    if (code === 'ERR_STORE_UNAVAILABLE') return unless(hears(each, 'storeError'), `no event storeError of ${name}`)
    if (operation.ends?.includes('phone') && !isEndTold && !isHidden)
      return [`no event of the end that ${name} acknowledged`]
    if (code !== 'done') return []
    if (operation.isLogin) return unless(hears(each, 'issued'), `no event issued of ${name}`)
    if (operation.presents !== undefined) return unless(hears(each, 'refreshed', 'replayed'), `no event of ${name}`)
    if (operation.endsOthers) return unless(hears(each, 'allRevoked'), `no event allRevoked of ${name}`)
    return []
  })
}
