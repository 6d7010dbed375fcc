import type { EventName } from '../../../src/index.js'
import { contentOf } from '../../support/signing.js'
import { type Done, End, isDone, isPredecessor, isRefusal, type Known, type Left, usesLatest, Witness } from './end.js'
import type { Scene } from './scene.js'

/** Judges ends by what clients and the application can see. */
export class Judge {
  readonly #scene: Scene
  readonly #witness = new Witness()

  constructor(scene: Scene) {
    this.#scene = scene
  }

  /** The promises that are broken. */
  async broken(done: readonly Done[], left: Left): Promise<string[]> {
    const end = new End(done, left, this.#scene, this.#witness)
    const broken: string[] = []
    for (const check of [answers, refusals, oneSuccessor, recoveries, lives, lists, events])
      broken.push(...(await check(end)))
    return broken
  }
}

const codeOf = ({ outcome }: Done) => (outcome && 'code' in outcome ? outcome.code : 'done')
const unless = (holds: boolean, promise: string) => (holds ? [] : [promise])

/** What the store refused is 503, and nothing else is. */
function answers({ done }: End): string[] {
  return done.flatMap(each => {
    const { operation, outcome, wasHit } = each
    if (!outcome) return [`${operation.name} has not answered`]
    const code = codeOf(each)
    if (each.wentOn) return [`${operation.name} goes on after its answer was 503`]
    if (wasHit) return unless(code === 'ERR_STORE_UNAVAILABLE', `a fault makes ${operation.name} ${code}, not 503`)
    const mayBeRefused = operation.uses !== undefined && isRefusal(code)
    return unless(code === 'done' || mayBeRefused, `${operation.name} comes to ${code} without a fault`)
  })
}

/** A token is refused if its session has ended, and only then. */
function refusals(end: End): string[] {
  return end.done.flatMap(each => {
    const { operation, after } = each
    const session = end.sessions.find(({ name }) => name === operation.uses)
    if (!session) return []
    const wasOver = after.some(by => end.saidEnded(end.done[by] as Done, by, session))
    const { name } = operation
    return [
      ...unless(!(isDone(each) && wasOver), `${name} is served after the end of the session was acknowledged`),
      ...unless(!(isDone(each) && operation.presents === 0), 'a refresh token older than the predecessor is served'),
      ...unless(
        !isRefusal(codeOf(each)) || end.mayHaveEnded(session),
        `${name} is refused, and nobody ended its session`,
      ),
    ]
  })
}

/** Each generation of a session has one refresh token, whoever gets it. */
function oneSuccessor({ sessions }: End): string[] {
  return sessions.flatMap(({ name, refreshTokens }) => {
    const tokens = [...new Set(refreshTokens)]
    const generations = tokens.map(token => String(contentOf(token).claims.gen))
    const isOnce = new Set(generations).size === generations.length
    return unless(isOnce, `one generation of ${name} has two different refresh tokens`)
  })
}

/** A recovery voids tokens only if nobody has used them, and nobody can use them afterwards. */
async function recoveries(end: End): Promise<string[]> {
  if (!end.recovers) return []
  const served = end.done.filter(isDone)
  const isAfter = ({ after }: Done, by: (done: Done) => boolean) =>
    after.map(number => end.done[number] as Done).some(each => isDone(each) && by(each))
  const recovered = served.filter(({ operation }) => isPredecessor(operation))
  const used = served.filter(({ operation }) => usesLatest(operation))
  const broken = [
    ...unless(
      !recovered.some(each => isAfter(each, ({ operation }) => usesLatest(operation))),
      'tokens that somebody has used are voided by a recovery',
    ),
    ...unless(
      !used.some(each => isAfter(each, ({ operation }) => isPredecessor(operation))),
      'a voided token is served',
    ),
  ]
  const { access_token, refresh_token } = end.scene.phone.pairs[2]
  if (recovered.length === 0) return broken
  const isServed = (await end.accepts(access_token)) || (await end.refreshes(refresh_token))
  return [...broken, ...unless(!isServed, 'voided tokens are served afterwards')]
}

/** What has ended is accepted nowhere, and what nobody ended lives and can be refreshed. */
async function lives(end: End): Promise<string[]> {
  const broken: string[] = []
  for (const session of end.sessions) {
    const { name, accessTokens, refreshTokens } = session
    const both = await bothUsed(end, refreshTokens)
    broken.push(...unless(!both, `two refresh tokens of ${name} can both be used`))
    if (end.hasEnded(session)) {
      broken.push(...unless(!(await isAlive(end, session)), `${name} lives after its end was acknowledged`))
    } else if (!end.mayHaveEnded(session)) {
      for (const token of accessTokens) {
        const accepted = end.mayBeVoided(token) || (await end.accepts(token))
        broken.push(...unless(accepted, `an access token of ${name} is refused, and nobody ended its session`))
      }
      const honest = await end.refreshes(end.honest(session))
      broken.push(...unless(honest, `the client of ${name} cannot refresh, and nobody ended its session`))
    }
  }
  return broken
}

/** Whether two tokens can be refreshed later, one after the other. */
async function bothUsed(end: End, refreshTokens: readonly string[]): Promise<boolean> {
  const going: string[] = []
  for (const token of new Set(refreshTokens)) if (await end.witness.refreshesLater(end.left, token)) going.push(token)
  for (const first of going) {
    for (const second of going) {
      if (first !== second && (await end.witness.refreshesInTurn(end.left, first, second))) return true
    }
  }
  return false
}

/** Whether anything of a session is accepted by anybody. */
async function isAlive(end: End, { sid, accessTokens, refreshTokens }: Known): Promise<boolean> {
  if (await end.witness.knows(end.left, sid)) return true
  for (const token of accessTokens) if (await end.accepts(token)) return true
  for (const token of refreshTokens) {
    if ((await end.accepts(token, 'refresh')) || (await end.refreshes(token))) return true
  }
  return false
}

/** A login that was answered is listed, an ended session is not. */
async function lists(end: End): Promise<string[]> {
  const { done, sessions } = end
  const final = await end.witness.listed(end.left)
  const broken = sessions.flatMap(session => {
    const listed = final.includes(session.sid)
    const isOpen = session.name !== 'imported' || session.accessTokens.length > 0
    return [
      ...unless(!(listed && end.hasEnded(session)), `${session.name} is listed after its end was acknowledged`),
      ...unless(listed || !isOpen || end.mayHaveEnded(session), `${session.name} is not listed`),
    ]
  })
  for (const { outcome, after } of done) {
    if (!outcome || !('result' in outcome) || !outcome.result.list) continue
    const shown = outcome.result.list.map(({ sid }) => sid)
    for (const session of sessions) {
      const wasOver = after.some(by => end.saidEnded(done[by] as Done, by, session))
      const isThere = session.login === undefined ? session.name !== 'imported' : after.includes(session.login)
      broken.push(
        ...unless(
          !(wasOver && shown.includes(session.sid)),
          `a list shows ${session.name} after its end was acknowledged`,
        ),
        ...unless(!isThere || end.mayHaveEnded(session) || shown.includes(session.sid), `a list lacks ${session.name}`),
      )
    }
  }
  return broken
}

/** What was acknowledged has been announced. */
function events({ done, scene }: End): string[] {
  const hears = ({ heard }: Done, ...names: EventName[]) => heard.some(({ name }) => names.includes(name))
  const isEndTold = done.some(({ heard }) =>
    heard.some(
      ({ name, sid }) => name === 'allRevoked' || ((name === 'revoked' || name === 'reuse') && sid === scene.phone.sid),
    ),
  )
  return done.flatMap(each => {
    const { operation } = each
    const { name } = operation
    const code = codeOf(each)
    if (code === 'ERR_STORE_UNAVAILABLE') return unless(hears(each, 'storeError'), `no event storeError of ${name}`)
    if (operation.ends?.includes('phone') && !isEndTold) return [`no event of the end that ${name} acknowledged`]
    if (code !== 'done') return []
    if (operation.isLogin) return unless(hears(each, 'issued'), `no event issued of ${name}`)
    if (operation.presents !== undefined)
      return unless(hears(each, 'refreshed', 'replayed', 'recovered'), `no event of ${name}`)
    if (operation.endsOthers) return unless(hears(each, 'allRevoked'), `no event allRevoked of ${name}`)
    return []
  })
}
