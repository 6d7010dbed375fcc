import {
  csrfFault,
  type Kind,
  locateToken,
  type ParsedBody,
  type Place,
  type SentRequest,
  valuesOf,
} from '../reference/place-rules.js'
import { type Json, type Reading, readToken, type TokenRules } from '../reference/token-rules.js'
import { isSessionLive, judge, typeFaults } from '../reference/world.js'
import { PATHS, type Path, type Scene } from './scene.js'

/** What may come of a request. */
export interface Expectation {
  /** `yes`: it has to be let through, `no`: it must not be, `perhaps`: either. */
  readonly passes: 'yes' | 'no' | 'perhaps'
  readonly sub?: unknown
  /** If it does not pass: the errors, one of them. */
  readonly reasons: readonly string[]
  /** Whether the store may be asked: about tokens that are good by themselves. */
  readonly asks: boolean
  /** Whether sessions may be other ones afterwards. */
  readonly changes: boolean
}

const refused = (...reasons: string[]): Expectation => ({ passes: 'no', reasons, asks: false, changes: false })

/** What the reference rules say of a request; several, where a token may be taken for good or not. */
export function expectationsOf(scene: Scene, path: Path, request: SentRequest, parsed: ParsedBody): Expectation[] {
  // The middleware recognises who is there before anything else happens.
  const recognised = behindGuard(scene, '/public', request, parsed)
  const asks = recognised.some(each => each.asks)
  return atPath(scene, path, request, parsed, recognised).map(own => ({ ...own, asks: own.asks || asks }))
}

function atPath(
  scene: Scene,
  path: Path,
  request: SentRequest,
  parsed: ParsedBody,
  recognised: readonly Expectation[],
): Expectation[] {
  const nobody = (each: Expectation): Expectation => ({ ...each, passes: 'yes', sub: null })
  if (path === '/logout') return afterLogout(scene, request, parsed)
  if (path === '/public') return recognised.map(each => (each.passes === 'no' ? nobody(each) : each))
  return behindGuard(scene, path, request, parsed).map(each => {
    if (path === '/refresh') return { ...each, changes: each.passes !== 'no' || each.reasons.includes(REUSED) }
    return path === '/optional' && each.reasons.includes('MissingTokenError') ? nobody(each) : each
  })
}

const REUSED = 'ReusedTokenError'

function behindGuard(scene: Scene, path: Path, request: SentRequest, parsed: ParsedBody): Expectation[] {
  const { stage, populated } = scene
  const { rules } = stage.setup
  const { kind, asked } = { asked: undefined, ...PATHS[path] }
  const located = locateToken(request, parsed, kind, stage.places)
  if (located === 'nothing') return [refused('MissingTokenError')]
  if (located === 'malformed') return [refused('MalformedTokenRequestError')]
  const tokens = located.tokens.map(token => judgeAlone(readToken(token, rules), rules, kind))
  return assumptionsOf(tokens).map(valid => {
    const reasons = tokens.flatMap(token => token.reasons)
    if (valid.length === 0) return refused(...reasons)
    const { chosen, asks, reason } = choose(valid, scene, kind)
    if (!chosen) return { ...refused(reason), asks }
    const { payload } = chosen
    const claim = payload.csrf
    const isCookie = located.place === 'cookies'
    if (isCookie && asksForWebSocket(request)) return { ...refused('CSRFError'), asks }
    const csrf = isCookie && csrfFault(request, parsed, kind, claim, stage.places, asked)
    if (csrf) return { ...refused(csrf), asks }
    const reading: Reading = { good: 'yes', signed: true, reasons: [], payload }
    const { good, reasons: late } = judge(reading, populated.world, rules, { type: kind })
    return { passes: good, reasons: late, asks: true, changes: false, sub: payload.sub }
  })
}

/** No request of these trials has an Origin that a page of this server would send. */
const asksForWebSocket = (request: SentRequest) =>
  valuesOf(request, 'Upgrade').some(value => value.toLowerCase() === 'websocket')

/** What can be said of a token without the store and without the request. */
interface Alone {
  readonly good: Reading['good']
  readonly reasons: readonly string[]
  readonly payload: Json | undefined
}

interface Valid {
  readonly payload: Json
}

function judgeAlone(reading: Reading, rules: TokenRules, type: Kind): Alone {
  const faults = reading.good === 'no' ? reading.reasons : typeFaults(reading, rules, { type })
  const spelling = reading.good === 'perhaps' ? reading.reasons : []
  return { good: faults.length > 0 ? 'no' : reading.good, reasons: [...faults, ...spelling], payload: reading.payload }
}

/** Which of the tokens may be taken for valid together: those that are, with any of those that perhaps are. */
function assumptionsOf<Token extends Alone>(tokens: readonly Token[]): (Token & Valid)[][] {
  let sets: (Token & Valid)[][] = [[]]
  for (const token of tokens.filter(({ good }) => good !== 'no')) {
    const longer = sets.map(set => [...set, token as Token & Valid])
    sets = token.good === 'yes' ? longer : [...sets, ...longer]
  }
  return sets
}

const idOf = ({ sid, jti }: Json) => String(sid ?? jti)

interface Choice {
  readonly chosen?: Valid
  readonly asks: boolean
  /** Why none is chosen. */
  readonly reason: string
}

/** The newest of its session; of two sessions the one that is not over, and if all are, the one that has been used up. */
function choose(valid: readonly Valid[], { stage, populated }: Scene, type: Kind): Choice {
  const byId = new Map<string, Valid>()
  const age = ({ payload: { gen = 0, iat, exp } }: Valid) => [Number(gen), Number(iat), Number(exp)]
  const isNewer = (one: Valid, other: Valid) => {
    const place = age(one).findIndex((each, n) => each !== age(other)[n])
    return place >= 0 && Number(age(one)[place]) > Number(age(other)[place])
  }
  for (const token of valid) {
    const known = byId.get(idOf(token.payload))
    if (!known || isNewer(token, known)) byId.set(idOf(token.payload), token)
  }
  const [first, ...others] = byId.values()
  const reason = 'MalformedTokenRequestError'
  if (!first || others.length === 0) return { ...(first && { chosen: first }), asks: false, reason }
  const verdictOf = ({ payload }: Valid) => {
    const reading: Reading = { good: 'yes', signed: true, reasons: [], payload }
    return judge(reading, populated.world, stage.setup.rules, { type })
  }
  const verdicts = [first, ...others].map(token => ({ token, ...verdictOf(token) }))
  const live = verdicts.filter(({ good }) => good !== 'no')
  if (live.length > 1) return { asks: true, reason }
  const usedUp = verdicts
    .filter(({ reasons }) => reasons.includes(REUSED))
    .sort((one, other) => latestFirst(one.token, other.token))
  const chosen = live[0] ?? usedUp[0]
  return { ...(chosen && { chosen: chosen.token }), asks: true, reason: 'RevokedTokenError' }
}

const latestFirst = ({ payload: one }: Valid, { payload: other }: Valid) =>
  Number(other.iat) - Number(one.iat) || (String(one.jti) < String(other.jti) ? 1 : -1)

interface AtLogout extends Alone {
  readonly kind: Kind
  readonly place: Place
  readonly csrf: string | undefined
  /** Whether its login goes on: its session, or the token alone if it would pass a guard now. */
  readonly live: boolean
}

/**
 * A token that another site cannot have sent is enough, expired or not. No token of any place may be left over: what is
 * malformed may hold one, and so does a cookie of a living login.
 */
function afterLogout(scene: Scene, request: SentRequest, parsed: ParsedBody): Expectation[] {
  const found = (['access', 'refresh'] as const).flatMap(kind => atLogout(scene, kind, request, parsed))
  const tokens = found.filter(each => each !== 'malformed')
  if (tokens.length < found.length) return [refused('MalformedTokenRequestError')]
  return assumptionsOf(tokens).map(presented => {
    const all = tokens.flatMap(({ reasons, csrf = [] }) => [...reasons, ...[csrf].flat()])
    const reasons = all.length > 0 ? all : ['MissingTokenError']
    const holds = (one: Json, other: Json) => idOf(one) === idOf(other) || (one.csrf && one.csrf === other.csrf)
    const proven = presented.filter(
      token => !token.csrf || presented.some(other => !other.csrf && holds(other.payload, token.payload)),
    )
    if (proven.length === 0) return refused(...reasons)
    const isCovered = ({ kind, place }: AtLogout) => proven.some(each => each.kind === kind && each.place === place)
    const left = presented.filter(token => token.csrf && !isCovered(token))
    if (left.some(({ live }) => live)) return { ...refused(...reasons), asks: true }
    return { passes: 'yes', reasons: [], asks: true, changes: true }
  })
}

/** The tokens of a kind in every place, and what is malformed. */
function atLogout({ stage, populated }: Scene, kind: Kind, request: SentRequest, parsed: ParsedBody) {
  const { rules } = stage.setup
  return stage.places[kind].flatMap((place): (AtLogout | 'malformed')[] => {
    const located = locateToken(request, parsed, kind, { ...stage.places, [kind]: [place] })
    if (located === 'nothing') return []
    if (located === 'malformed') return ['malformed']
    return located.tokens.map(token => {
      const alone = judgeAlone(readToken(token, rules, { ignoreTimes: true }), rules, kind)
      const claim = alone.payload?.csrf
      const csrf = place === 'cookies' ? csrfFault(request, parsed, kind, claim, stage.places, true) : undefined
      const now = judge(readToken(token, rules), populated.world, rules, { type: kind })
      const goesOn = alone.good !== 'no' && isSessionLive(alone.payload ?? {}, populated.world, rules)
      return { ...alone, kind, place, csrf, live: now.good !== 'no' || goesOn }
    })
  })
}
