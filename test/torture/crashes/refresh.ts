import { claimsOf, type Tokens, tokensIn, type Visitor, verdictOf } from '../fleet/visitor.js'
import { advanced } from '../races/refreshes.js'
import type { Fate, Operation } from './crash.js'
import { PAST_RECOVERY, RECOVERING } from './scene.js'

interface Prepared {
  readonly sub: string
  /** The client presents the refresh token. If an answer was lost before, it is used up already. */
  readonly tokens: Tokens
}

/** How many answers the client had lost when it sent the refresh that a crash cuts off. */
type LostBefore = 0 | 1

/**
 * The client comes at once, to the instance `/0`. After a lost answer it comes when the grace period is over, to `/1`:
 * its refresh is a recovery.
 */
const cutOff = (lostBefore: LostBefore): Operation<Prepared> => ({
  async prepare(visitor, sub) {
    const tokens = await advanced(visitor, await visitor.login(sub), visitor.random.between(0, 1))
    if (lostBefore) await visitor.refresh(tokens.refresh)
    return { sub, tokens }
  },
  send: ({ tokens }, { client }, steer) =>
    client.call('POST', `/${lostBefore}/refresh`, { token: tokens.refresh, steer }),
  async verify(prepared, fate, visitor) {
    visitor.instance = lostBefore
    const given = tokensIn(fate.told)
    if (given) await goesOn(visitor, given)
    if (given) return true
    if (visitor.random.chance(0.5)) return triesAgain(prepared, fate, visitor)
    visitor.instance = visitor.random.pick([...RECOVERING.slice(lostBefore), ...PAST_RECOVERY])
    const isReuse = (PAST_RECOVERY as readonly number[]).includes(visitor.instance)
    return (isReuse ? comesTooLate : recovers)(prepared, fate, visitor, lostBefore)
  },
})

export const refresh = cutOff(0)
export const recovery = cutOff(1)

async function goesOn(visitor: Visitor, tokens: Tokens): Promise<Tokens> {
  await visitor.live(tokens, 'what an acknowledged refresh gave')
  const next = await advanced(visitor, tokens, 1)
  await visitor.live(next, 'its successor')
  return next
}

/** A refresh, impatiently: twice at the same time. Both get one and the same successor. */
async function refreshedTwice({ tokens }: Prepared, visitor: Visitor): Promise<Tokens[] | undefined> {
  const again = () => visitor.refresh(tokens.refresh)
  const answers = await Promise.all([again(), again()])
  const [first, second] = answers.map(tokensIn)
  const when = `at the instance ${visitor.instance}`
  if (!first || !second) {
    visitor.breaks(`a client that tried again ${when} was answered ${answers.map(verdictOf).join(', ')}`)
    return undefined
  }
  visitor.unless(first.refresh === second.refresh, `a client that tried again twice ${when} got two successors`)
  return [first, second]
}

/** Inside the grace period. */
async function triesAgain(prepared: Prepared, { lost }: Fate, visitor: Visitor): Promise<undefined> {
  const unsent = lost && tokensIn(lost)
  if (unsent) visitor.keep(unsent.refresh)
  const given = await refreshedTwice(prepared, visitor)
  if (!given) return
  for (const each of [...given, ...(unsent ? [unsent] : [])]) await visitor.live(each, 'the one successor')
  const next = await advanced(visitor, given[0] as Tokens, 1)
  await visitor.live(next, 'its successor')
  const last = tokensIn(await visitor.refresh(prepared.tokens.refresh))
  visitor.unless(last?.refresh === next.refresh, 'a token two generations old did not get the current one')
}

/** Up to `refreshRecovery` after the first refresh: if its answer was lost, there is a new generation in its place. */
async function recovers(
  prepared: Prepared,
  { done, lost }: Fate,
  visitor: Visitor,
  lostBefore: LostBefore,
): Promise<boolean | undefined> {
  const [given] = (await refreshedTwice(prepared, visitor)) ?? []
  if (!given) return undefined
  const lostNow = claimsOf(given.refresh).gen - claimsOf(prepared.tokens.refresh).gen - 1 - lostBefore
  const expected = { no: [0], yes: [1], perhaps: [0, 1] }[done]
  visitor.unless(expected.includes(lostNow), `carried out: ${done}, and ${lostNow} generations were put aside`)
  const next = await goesOn(visitor, given)
  const unsent = lost && tokensIn(lost)
  if (unsent) await isReuse(unsent, next, visitor)
  return lostNow === 1
}

/** Somebody else has the answer that the client never got: the first use of it shows that, and ends the session. */
async function isReuse(unsent: Tokens, current: Tokens, visitor: Visitor): Promise<void> {
  if (visitor.random.chance(0.5)) await visitor.reuse(unsent.refresh, 'a refresh token that was put aside')
  else {
    const before = visitor.unavailable
    const verdict = verdictOf(await visitor.call({ method: 'GET', path: '/protected', token: unsent.access }))
    const ended = verdict === 'RevokedTokenError' && visitor.unavailable > before
    visitor.unless(
      verdict === 'ReusedTokenError' || ended,
      `an access token that was put aside was answered ${verdict}`,
    )
  }
  for (const each of [unsent, current]) await visitor.dead(each, 'a session in which a token put aside was used')
}

/** After `refreshRecovery`: if a refresh had been written, there is nothing to be had but a new login. */
async function comesTooLate(
  { sub, tokens }: Prepared,
  { done, lost }: Fate,
  visitor: Visitor,
  lostBefore: LostBefore,
): Promise<boolean | undefined> {
  const told = await visitor.refresh(tokens.refresh)
  const verdict = verdictOf(told)
  // After a 503 the session may have been ended by the try before.
  const ended = visitor.unavailable > 0 ? ['ReusedTokenError', 'RevokedTokenError'] : ['ReusedTokenError']
  const expected = lostBefore ? ended : { no: ['good'], yes: ended, perhaps: ['good', ...ended] }[done]
  visitor.unless(expected.includes(verdict), `a client that came too late was answered ${verdict}`)
  const given = tokensIn(told)
  if (given) await goesOn(visitor, given)
  if (given) return false
  await visitor.dead(tokens, 'a session whose token was reused')
  const unsent = lost && tokensIn(lost)
  if (unsent) await visitor.dead(unsent, 'what was never sent')
  await visitor.live(await visitor.login(sub), 'a new login')
  return lostBefore ? undefined : true
}
