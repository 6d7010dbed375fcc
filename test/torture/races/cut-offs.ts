import type { Told } from '../fleet/client.js'
import type { Random } from '../fleet/random.js'
import { claimsOf, type Tokens, tokensIn, type Visitor } from '../fleet/visitor.js'
import { pace, type Round, several, soon } from './race.js'
import { advanced } from './refreshes.js'

/** Everything of a subject is revoked while its sessions are being refreshed; every second time all but one of them. */
export const refreshWithRevokeAll: Round = async (visitor, sub) => {
  const { random } = visitor
  const sessions = await Promise.all(several(random.between(2, 3), () => visitor.login(sub)))
  const spared = random.chance(0.5) ? (sessions[0] as Tokens) : undefined
  const except = spared && claimsOf(spared.refresh).sid
  const ended = sessions.filter(each => each !== spared)
  if (random.chance(0.5)) await Promise.all(sessions.map(each => visitor.show(each)))
  const given: Tokens[] = []
  let successor: Tokens | undefined
  const refresh = async (session: Tokens, own: Random) => {
    const tokens = tokensIn(await visitor.refresh(session.refresh, { steer: pace(own) }))
    if (session !== spared && tokens) given.push(tokens)
    if (session === spared && tokens) successor = tokens
  }
  const revoke = async (own: Random) => {
    await visitor.revokeAll(sub, { steer: pace(own), ...(except && { except }) })
    await visitor.dead(own.pick(ended), 'a session from before the acknowledged revokeAllSessions')
    await visitor.live(await visitor.login(sub), 'a login after the acknowledged revokeAllSessions')
  }
  await Promise.all([...sessions.map(each => soon(random, own => refresh(each, own))), soon(random, revoke)])
  for (const tokens of [...ended, ...given]) await visitor.dead(tokens, 'what was handed out before revokeAllSessions')
  if (spared) {
    visitor.unless(visitor.mayHaveEndedSession || successor !== undefined, 'the session that was spared was refused')
    await visitor.live(successor ?? spared, 'the session that was spared')
  }
  return given.length > 0 ? 'a refresh came first' : 'the cut-off came first'
}

/** People log in while everything of their subject is revoked. */
export const loginWithRevokeAll: Round = async (visitor, sub) => {
  const { random } = visitor
  const early = await visitor.login(sub)
  if (random.chance(0.5)) await visitor.show(early)
  const logins: (Told & Tokens)[] = []
  const cuts: Told[] = []
  const revoke = async (own: Random) => {
    cuts.push(await visitor.revokeAll(sub, { steer: pace(own) }))
    await visitor.dead(early, 'a session from before the acknowledged revokeAllSessions')
    logins.push(await visitor.login(sub))
  }
  const login = async (own: Random) => void logins.push(await visitor.login(sub, pace(own)))
  await Promise.all([
    ...several(random.between(2, 4), () => soon(random, login)),
    ...several(random.between(1, 2), () => soon(random, revoke)),
  ])
  const fates = await Promise.all(logins.map(each => fateOf(visitor, each, cuts)))
  const lived = fates.filter(Boolean).length
  return lived === fates.length ? 'all logins lived' : 'some logins were cut off'
}

/** Whether it lives: as it must, or, if it overlapped with a revokeAllSessions, wholly or not at all. */
async function fateOf(visitor: Visitor, login: Told & Tokens, cuts: readonly Told[]): Promise<boolean> {
  const doomed = cuts.some(({ began }) => login.ended < began)
  const safe = cuts.every(({ ended }) => ended < login.began)
  if (doomed) await visitor.dead(login, 'a login that was over when revokeAllSessions began')
  if (safe) await visitor.live(login, 'a login that began when revokeAllSessions had returned')
  if (doomed || safe) return safe
  const [access] = await visitor.guards(login)
  const lives = access === 'good'
  const then = { true: 'good', false: 'RevokedTokenError' }[String(lives)]
  for (const at of visitor.place.processes) {
    const verdicts = await visitor.guards(login, at)
    visitor.unless(
      verdicts.every(each => each === then),
      `a login that raced with revokeAllSessions is neither dead nor alive: ${verdicts.join(', ')}`,
    )
  }
  if (!lives) return false
  await visitor.live(await advanced(visitor, login, 1), 'the successor of a login that raced and lives')
  return true
}
