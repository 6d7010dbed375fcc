import * as lineage from '../../src/session/lineage.js'
import { NEVER_CUT, type SessionRecord, type SubjectRecord } from '../../src/session/record.js'
import {
  assess,
  type Decision,
  decide,
  type Presented,
  type RotationConfig,
  recordBefore,
  type StoredState,
  successor,
} from '../../src/session/rotation.js'

export const GRACE_MS = 10_000
export const START = 1_800_000_000_000

export const PLAY_CONFIG: RotationConfig = {
  refreshGracePeriod: GRACE_MS / 1000,
  refreshRecovery: 86_400,
  accessTokenRevocation: true,
  sessionExpires: 90 * 86_400,
  decodeLeeway: 0,
}

/** The life of every access token, and of every refresh token. */
const ACCESS_SECONDS = 900
const REFRESH_SECONDS = 20 * 86_400

/** The record of a session right after its login. */
export function newRecord(now = START): SessionRecord {
  const iat = now / 1000
  const opener: Presented = { ...tokenOf(0, now), sid: undefined, gen: undefined }
  const record = recordBefore(opener, { record: undefined, subject: NEVER_CUT }, PLAY_CONFIG)
  const { openerExp: _, ...opened } = record
  return { ...opened, endsAt: (iat + REFRESH_SECONDS) * 1000 }
}

export function tokenOf(gen: number, now: number, type: Presented['type'] = 'refresh'): Presented {
  const iat = Math.floor(now / 1000)
  const exp = iat + (type === 'access' ? ACCESS_SECONDS : REFRESH_SECONDS)
  return { sub: 'ada', sid: 's', jti: `gen-${gen}`, iat, exp, type, gen }
}

/** What becomes of one session: the state machine with a clock, without a store. */
export class Play {
  record: SessionRecord
  now = START
  /** Whether the session has ended and somebody has been refused. */
  ended = false
  /** Whether reuse has ended it. */
  isReused = false
  isLoggedOut = false
  subject: SubjectRecord = NEVER_CUT
  /** What was told of replays: how many in a row. */
  readonly told: number[] = []
  readonly config: RotationConfig

  constructor(config: Partial<RotationConfig> = {}) {
    this.config = { ...PLAY_CONFIG, ...config }
    this.record = newRecord()
  }

  copy(): Play {
    const copy = new Play(this.config)
    const { record, now, ended, isReused, isLoggedOut, subject } = this
    return Object.assign(copy, { record, now, ended, isReused, isLoggedOut, subject })
  }

  /** Refresh with the token of generation `gen`. The generation that its holder has then is `record.gen`. */
  refresh(gen: number): Decision['outcome'] {
    if (this.ended) return 'revoked'
    const token = tokenOf(gen, this.now)
    const decision = decide(token, this.#known, this.now, this.config)
    if (decision.outcome === 'replay') {
      const accessEndsAt = this.now + ACCESS_SECONDS * 1000
      this.record = lineage.givenAgain(decision.record, { now: this.now, accessEndsAt }, this.config)
      this.told.push(decision.replays)
    } else if (decision.outcome === 'rotate' || decision.outcome === 'recover') this.#exchange(token, decision)
    else this.#refuse(decision.outcome)
    return decision.outcome
  }

  #exchange(token: Presented, { outcome, gen }: Extract<Decision, { outcome: 'rotate' | 'recover' }>): void {
    const accessExp = this.now / 1000 + ACCESS_SECONDS
    const exchange = { outcome, gen, jti: `gen-${gen}`, accessExp, now: this.now }
    this.record = successor(token, this.record, exchange, this.config)
  }

  /** Send a guarded request with the access token of generation `gen`. It returns whether the guard lets it pass. */
  use(gen: number): boolean {
    if (this.ended) return false
    const token = tokenOf(gen, this.now, 'access')
    const { outcome } = assess(token, this.#known, this.now, this.config)
    if (outcome === 'unconfirmed') this.record = lineage.confirmed(this.record)
    if (outcome === 'reuse' || outcome === 'revoked') this.#refuse(outcome)
    return !this.ended
  }

  /** Log out with any token of the session. */
  logout(): void {
    this.isLoggedOut = true
  }

  revokeAll(): void {
    this.subject = { cutoff: this.subject.cutoff + 1 }
  }

  get #known(): StoredState {
    return { record: this.isLoggedOut ? { revoked: true } : this.record, subject: this.subject }
  }

  #refuse(outcome: 'reuse' | 'revoked'): void {
    this.ended = true
    this.isReused ||= outcome === 'reuse'
  }

  waitMs(milliseconds: number): void {
    this.now += milliseconds
  }
}
