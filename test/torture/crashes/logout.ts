import type { Tokens, Visitor } from '../fleet/visitor.js'
import { advanced } from '../races/refreshes.js'
import type { Fate, Operation } from './crash.js'

interface Prepared {
  readonly tokens: Tokens
  /** The one that is presented. */
  readonly token: string
  /**
   * Whether the session can end by the first write of the logout. The access token of a refresh whose tokens nobody has
   * used is confirmed by the middleware before that.
   */
  readonly isOneWrite: boolean
}

export const logout: Operation<Prepared> = {
  async prepare(visitor, sub) {
    const { random } = visitor
    const refreshes = random.between(0, 1)
    const tokens = await advanced(visitor, await visitor.login(sub), refreshes)
    const isUsed = random.chance(0.5)
    if (isUsed) await visitor.live(tokens, 'a session before its logout')
    const token = random.pick([tokens.access, tokens.refresh])
    return { tokens, token, isOneWrite: isUsed || refreshes === 0 || token === tokens.refresh }
  },
  send: ({ token }, { client }, steer) => client.call('POST', '/0/logout', { token, steer }),
  async verify({ tokens, token, isOneWrite }, fate, visitor) {
    const known: Fate = fate.done === 'yes' && !isOneWrite ? { ...fate, done: 'perhaps' } : fate
    const done = await notHalf([tokens], known, visitor)
    await visitor.logout(token)
    await visitor.dead(tokens, 'a session whose logout was tried again')
    return done
  },
}

/** Before anybody tries again: all tokens are good everywhere, or all are revoked everywhere; whether they are. */
export async function notHalf(sessions: readonly Tokens[], { done, told }: Fate, visitor: Visitor): Promise<boolean> {
  const asked = visitor.place.processes.flatMap(at => sessions.map(each => visitor.guards(each, at)))
  const verdicts = (await Promise.all(asked)).flat()
  const ended = told.status === 204 || done === 'yes'
  const allowed = ended ? ['RevokedTokenError'] : done === 'no' ? ['good'] : ['good', 'RevokedTokenError']
  const [verdict = ''] = verdicts
  visitor.unless(
    allowed.includes(verdict) && verdicts.every(each => each === verdict),
    `acknowledged: ${told.status === 204}, carried out: ${done}, and its tokens are: ${verdicts.join(', ')}`,
  )
  return verdict !== 'good'
}
