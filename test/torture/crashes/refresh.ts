import type { ApiProcess } from '../fleet/fleet.js'
import type { Steer } from '../fleet/steering.js'
import { type Tokens, tokensIn, type Visitor, verdictOf } from '../fleet/visitor.js'
import { advanced } from '../races/refreshes.js'
import type { Fate, Operation } from './crash.js'

interface Prepared {
  readonly sub: string
  readonly tokens: Tokens
}

export const refresh: Operation<Prepared> = {
  async prepare(visitor, sub) {
    return { sub, tokens: await advanced(visitor, await visitor.login(sub), visitor.random.between(0, 1)) }
  },
  send: ({ tokens }: Prepared, { client }: ApiProcess, steer: Steer) =>
    client.call('POST', '/0/refresh', { token: tokens.refresh, steer }),
  async verify(prepared, fate, visitor, later) {
    const given = tokensIn(fate.told)
    if (given) await goesOn(visitor, given)
    if (given) return true
    return visitor.random.chance(0.5) ? triesAgain(prepared, fate, visitor) : comesLater(prepared, fate, later)
  },
}

async function goesOn(visitor: Visitor, tokens: Tokens): Promise<void> {
  await visitor.live(tokens, 'what an acknowledged refresh gave')
  await visitor.live(await advanced(visitor, tokens, 1), 'its successor')
}

/** Inside the grace period, impatiently: twice at the same time. */
async function triesAgain({ tokens }: Prepared, { lost }: Fate, visitor: Visitor): Promise<undefined> {
  const unsent = lost && tokensIn(lost)
  if (unsent) visitor.keep(unsent.refresh)
  const again = () => visitor.refresh(tokens.refresh)
  const given = (await Promise.all([again(), again()])).map(tokensIn)
  const [first, second] = given
  if (!first || !second) return void visitor.breaks('a client that tried again inside the grace period was refused')
  for (const each of [first, second, ...(unsent ? [unsent] : [])]) await visitor.live(each, 'the one successor')
  const next = await advanced(visitor, first, 1)
  await visitor.live(next, 'its successor')
  const last = tokensIn(await visitor.refresh(tokens.refresh))
  visitor.unless(last?.refresh === next.refresh, 'a token two generations old did not get the current one')
}

/** If the rotation had been written, its token was used up too long ago: there is nothing to be had but a new login. */
async function comesLater({ sub, tokens }: Prepared, { done, lost }: Fate, later: Visitor): Promise<boolean> {
  const told = await later.refresh(tokens.refresh)
  const verdict = verdictOf(told)
  // After a 503 the session may have been ended by the try before.
  const ended = later.unavailable > 0 ? ['ReusedTokenError', 'RevokedTokenError'] : ['ReusedTokenError']
  const expected = { no: ['good'], yes: ended, perhaps: ['good', ...ended] }[done]
  later.unless(expected.includes(verdict), `a client that tried again after the grace period was answered ${verdict}`)
  const given = tokensIn(told)
  if (given) await goesOn(later, given)
  if (given) return false
  await later.dead(tokens, 'a session whose token was reused')
  const unsent = lost && tokensIn(lost)
  if (unsent) await later.dead(unsent, 'what was never sent')
  await later.live(await later.login(sub), 'a new login')
  return true
}
