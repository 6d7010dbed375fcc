import type { Random } from '../fleet/random.js'
import { type Tokens, tokensIn } from '../fleet/visitor.js'
import { pace, type Round, several, soon } from './race.js'
import { advanced } from './refreshes.js'

/** A session is logged out while it is being refreshed. */
export const refreshWithLogout: Round = async (visitor, sub) => {
  const { random } = visitor
  const first = await visitor.login(sub)
  const before = await advanced(visitor, first, random.between(0, 1))
  if (random.chance(0.5)) await visitor.show(before)
  const given: Tokens[] = []
  const refresh = async (own: Random) => {
    const tokens = tokensIn(await visitor.refresh(before.refresh, { steer: pace(own) }))
    if (tokens) given.push(tokens)
  }
  const logout = async (own: Random) => {
    await visitor.logout(own.pick([first.access, before.access, before.refresh]), pace(own))
    // What was acknowledged holds at once, while others are still on their way.
    await visitor.dead(before, 'a session whose logout has been acknowledged')
  }
  await Promise.all([
    ...several(random.between(1, 4), () => soon(random, refresh)),
    ...several(random.between(1, 2), () => soon(random, logout)),
  ])
  for (const tokens of [first, before, ...given]) await visitor.dead(tokens, 'what a session had before its logout')
  return given.length > 0 ? 'a refresh came first' : 'the logout came first'
}

/** A session is logged out by several at the same time, with different tokens of it. */
export const logoutWithLogout: Round = async (visitor, sub) => {
  const { random } = visitor
  const first = await visitor.login(sub)
  const tokens = await advanced(visitor, first, random.between(0, 2))
  if (random.chance(0.5)) await visitor.show(tokens)
  const logout = async (own: Random) => {
    await visitor.logout(own.pick([first.access, first.refresh, tokens.access, tokens.refresh]), pace(own))
    await visitor.dead(tokens, 'a session whose logout has been acknowledged')
  }
  await Promise.all(several(random.between(2, 5), () => soon(random, logout)))
  await visitor.logout(tokens.access)
  await visitor.dead(first, 'what a session had first')
  return ''
}
