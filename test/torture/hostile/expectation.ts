import { csrfFault, type Kind, locateToken, type ParsedBody, type SentRequest } from '../reference/place-rules.js'
import { readToken } from '../reference/token-rules.js'
import { judge, typeFaults } from '../reference/world.js'
import { PATHS, type Path, type Scene } from './scene.js'

/** What may come of a request. */
export interface Expectation {
  /** `yes`: it has to be let through, `no`: it must not be, `perhaps`: its token is another spelling of a good one. */
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

/** What the reference rules say of a request. */
export function expectationOf(scene: Scene, path: Path, request: SentRequest, parsed: ParsedBody): Expectation {
  // The middleware recognises who is there before anything else happens.
  const recognised = behindGuard(scene, '/public', request, parsed)
  const own = atPath(scene, path, request, parsed, recognised)
  return { ...own, asks: own.asks || recognised.asks }
}

function atPath(
  scene: Scene,
  path: Path,
  request: SentRequest,
  parsed: ParsedBody,
  recognised: Expectation,
): Expectation {
  if (path === '/logout') return afterLogout(scene, request, parsed)
  if (path === '/public') return recognised.passes === 'no' ? { ...recognised, passes: 'yes', sub: null } : recognised
  const guarded = behindGuard(scene, path, request, parsed)
  if (path === '/refresh') return { ...guarded, changes: guarded.passes !== 'no' || guarded.reasons.includes(REUSED) }
  const isNobody = path === '/optional' && guarded.reasons.includes('MissingTokenError')
  return isNobody ? { ...guarded, passes: 'yes', sub: null } : guarded
}

const REUSED = 'ReusedTokenError'

function behindGuard(scene: Scene, path: Path, request: SentRequest, parsed: ParsedBody): Expectation {
  const { stage, populated } = scene
  const { rules } = stage.setup
  const { kind, asked } = { asked: undefined, ...PATHS[path] }
  const located = locateToken(request, parsed, kind, stage.places)
  if (located === 'nothing') return refused('MissingTokenError')
  if (located === 'malformed') return refused('MalformedTokenRequestError')
  const reading = readToken(located.token, rules)
  const faults = reading.good === 'no' ? reading.reasons : typeFaults(reading, rules, { type: kind })
  const spelling = reading.good === 'perhaps' ? reading.reasons : []
  if (faults.length > 0) return refused(...faults, ...spelling)
  const claim = reading.payload?.csrf
  const csrf = located.place === 'cookies' && csrfFault(request, parsed, kind, claim, stage.places, asked)
  if (csrf) return refused(csrf, ...spelling)
  const { good, reasons, payload } = judge(reading, populated.world, rules, { type: kind })
  return { passes: good, reasons, asks: true, changes: false, sub: payload?.sub }
}

/** One good token is enough, expired or not; it need not be of a session that is still there. */
function afterLogout(scene: Scene, request: SentRequest, parsed: ParsedBody): Expectation {
  const found = (['access', 'refresh'] as const).map(kind => atLogout(scene, kind, request, parsed))
  const best = found.find(({ passes }) => passes === 'yes') ?? found.find(({ passes }) => passes === 'perhaps')
  const reasons = found.flatMap(each => each.reasons)
  if (best) return { ...best, reasons, asks: true, changes: true }
  return refused(...(reasons.length > 0 ? reasons : ['MissingTokenError']))
}

function atLogout({ stage }: Scene, kind: Kind, request: SentRequest, parsed: ParsedBody): Expectation {
  const { rules } = stage.setup
  const located = locateToken(request, parsed, kind, stage.places)
  if (located === 'nothing') return refused()
  if (located === 'malformed') return refused('MalformedTokenRequestError')
  const reading = readToken(located.token, rules, { ignoreTimes: true })
  const faults = reading.good === 'no' ? reading.reasons : typeFaults(reading, rules, { type: kind })
  if (faults.length > 0) return refused(...faults)
  const claim = reading.payload?.csrf
  const csrf = located.place === 'cookies' && csrfFault(request, parsed, kind, claim, stage.places, true)
  return csrf ? refused(csrf) : { passes: reading.good, reasons: reading.reasons, asks: true, changes: true }
}
