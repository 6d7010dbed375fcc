import type { Tokens, Visitor } from '../fleet/visitor.js'
import { advanced } from '../races/refreshes.js'
import type { Fate, Operation } from './crash.js'

interface Prepared {
  readonly tokens: Tokens
  /** The one that is presented. */
  readonly token: string
}

export const logout: Operation<Prepared> = {
  async prepare(visitor, sub) {
    const tokens = await advanced(visitor, await visitor.login(sub), visitor.random.between(0, 1))
    return { tokens, token: visitor.random.pick([tokens.access, tokens.refresh]) }
  },
  send: ({ token }, { client }, steer) => client.call('POST', '/0/logout', { token, steer }),
  async verify({ tokens, token }, fate, visitor) {
    const done = await notHalf([tokens], fate, visitor)
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
