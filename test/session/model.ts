import { resolveOptions } from '../../src/config/resolve.js'
import { AuthXError } from '../../src/errors.js'
import { Events } from '../../src/session/events.js'
import { StoreOperations } from '../../src/session/operations.js'
import type { SessionRecord } from '../../src/session/record.js'
import { Sessions } from '../../src/session/sessions.js'
import type { TokenStore } from '../../src/store.js'
import type { TokenPayload } from '../../src/token/payload.js'

/** Let a call of the store happen at a moment that somebody else chooses. */
export type Schedule = <T>(call: () => T) => Promise<T>

const BASE = 1_800_000_000_000

const atOnce: Schedule = async call => call()

/** A store whose calls take effect when `schedule` says, and that may lose acknowledged writes of a live session. */
export function modelStore(
  records: Map<string, string>,
  schedule = atOnce,
  loses: () => boolean = () => false,
): TokenStore {
  return {
    get: keys => schedule(() => keys.map(key => records.get(key))),
    compareAndSet: (key, expected, value) =>
      schedule(() => {
        if (records.get(key) !== expected) return false
        const rotation = key.startsWith('session:') && expected !== undefined && !value.includes('revoked')
        if (!rotation || !loses()) records.set(key, value)
        return true
      }),
  }
}

/** One server process: its own clock, the shared store. */
export class Process {
  offset = 0
  readonly sessions: Sessions

  constructor(store: TokenStore, refreshGracePeriod = 10) {
    const now = () => BASE + this.offset
    // The deadline has a test of its own; here an operation may be interrupted for as long as the model likes.
    const { config } = resolveOptions({ store, now, refreshGracePeriod, storeTimeout: 60_000, secretKey: 'unused' })
    const events = new Events()
    this.sessions = new Sessions(new StoreOperations(store, config, events), config, events)
  }

  get seconds(): number {
    return Math.floor((BASE + this.offset) / 1000)
  }

  /** Open a session and return its first refresh token. */
  async login(sid: string, sub: string): Promise<TokenPayload> {
    const now = this.seconds * 1000
    const token = refreshToken(sid, sub, `${sid}-first`, 0, this.seconds)
    const { jti, iat, exp } = token
    const times = {
      createdAt: now,
      rotatedAt: now,
      lastActiveAt: now,
      expiresAt: now + 1e9,
      endsAt: now + 1e9,
      keptUntil: now + 2e9,
    }
    await this.sessions.open(sid, { sub, gen: 0, ...times, jti, iat, exp, device: {} })
    return token
  }

  /** The successor, or `undefined` if the token was refused. */
  async refresh(token: TokenPayload): Promise<TokenPayload | undefined> {
    const mint = (sid: string, record: SessionRecord) =>
      refreshToken(sid, token.sub, record.jti, record.gen, record.iat)
    return refused(this.sessions.rotate({ token, accessExpiry: undefined, mint }))
  }

  async accepts(token: TokenPayload): Promise<boolean> {
    return (await refused(this.sessions.check(token).then(() => true))) ?? false
  }
}

function refreshToken(sid: string, sub: string, jti: string, gen: number, iat: number): TokenPayload {
  return { sub, jti, type: 'refresh', iat, exp: iat + 86_400, sid, gen }
}

export const accessTokenOf = ({ sub, sid, iat, exp }: TokenPayload): TokenPayload =>
  ({ sub, sid, iat, exp, jti: 'access', type: 'access' }) as TokenPayload

async function refused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof AuthXError && error.status === 401) return undefined
    throw error
  }
}
