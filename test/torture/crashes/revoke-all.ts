import type { Tokens } from '../fleet/visitor.js'
import { several } from '../races/race.js'
import type { Operation } from './crash.js'
import { notHalf } from './logout.js'

interface Prepared {
  readonly sub: string
  readonly sessions: readonly Tokens[]
}

export const revokeAll: Operation<Prepared> = {
  prepare: async (visitor, sub) => ({ sub, sessions: await Promise.all(several(2, () => visitor.login(sub))) }),
  send: ({ sub }, { client }, steer) => client.call('POST', `/0/revoke-all/${sub}`, { steer }),
  async verify({ sub, sessions }, fate, visitor) {
    const done = await notHalf(sessions, fate, visitor)
    await visitor.revokeAll(sub)
    for (const each of sessions) await visitor.dead(each, 'a session whose end was tried again')
    await visitor.live(await visitor.login(sub), 'a login after it')
    return done
  },
}
