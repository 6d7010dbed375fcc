import type { Told } from '../fleet/client.js'
import { claimsOf, type Tokens, tokensIn, type Visitor } from '../fleet/visitor.js'
import type { Fate, Operation } from './crash.js'

interface Prepared {
  readonly sub: string
}

export const login: Operation<Prepared> = {
  prepare: async (_, sub) => ({ sub }),
  send: ({ sub }, { client }, steer) => client.call('POST', `/0/login/${sub}`, { steer }),
  async verify({ sub }, fate, visitor) {
    const handedOut = tokensIn(fate.told)
    const unsent = fate.lost && tokensIn(fate.lost)
    const first = handedOut ?? unsent
    if (first) await visitor.live(first, handedOut ? 'an acknowledged login' : 'a login whose answer was lost')
    await listed(sub, fate, first, visitor)
    const again = await visitor.login(sub)
    await visitor.live(again, 'the login that was tried again')
    await visitor.revokeAll(sub)
    for (const each of first ? [first, again] : [again]) await visitor.dead(each, 'a login before revokeAllSessions')
    await visitor.live(await visitor.login(sub), 'a login after revokeAllSessions')
    return undefined
  },
}

/** The list names the session if its login is known to be whole, and never more than that one. */
async function listed(sub: string, { done }: Fate, first: Tokens | undefined, visitor: Visitor): Promise<void> {
  const sids = sidsIn(await visitor.call({ method: 'GET', path: `/sessions/${sub}` }))
  visitor.unless(sids !== undefined, 'the list of sessions was not to be had')
  const whole = first && sids?.includes(claimsOf(first.refresh).sid)
  visitor.unless(!first || whole === true, 'a whole login is not in the list of sessions')
  const most = done === 'no' ? 0 : 1
  visitor.unless((sids?.length ?? 0) <= most, `the list of sessions names ${sids?.length}`)
}

const sidsIn = ({ status, body }: Told) => (status === 200 ? (body.sids as string[]) : undefined)
