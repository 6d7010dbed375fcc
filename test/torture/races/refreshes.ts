import { type Tokens, tokensIn, type Visitor, verdictOf } from '../fleet/visitor.js'
import { pace, type Round, several, soon } from './race.js'

/** Several clients refresh with one token at the same time. */
export const refreshWithRefresh: Round = async (visitor, sub, grace) => {
  const { random } = visitor
  const before = await advanced(visitor, await visitor.login(sub), random.between(0, 2))
  const racers = several(random.between(2, 5), () =>
    soon(random, own => visitor.refresh(before.refresh, { steer: pace(own) })),
  )
  const answers = await Promise.all(racers)
  const given = answers.map(tokensIn).filter(tokens => tokens !== undefined)
  const verdicts = answers.map(verdictOf)
  if (grace === 0) await oneWon(visitor, before, given, verdicts)
  else await allGotTheSame(visitor, before, given, verdicts)
  return ''
}

/** The tokens after so many refreshes in turn. */
export async function advanced(visitor: Visitor, tokens: Tokens, refreshes: number): Promise<Tokens> {
  let current = tokens
  for (let n = 0; n < refreshes; n++) current = tokensIn(await visitor.refresh(current.refresh)) ?? current
  return current
}

async function allGotTheSame(
  visitor: Visitor,
  before: Tokens,
  given: readonly Tokens[],
  verdicts: readonly string[],
): Promise<void> {
  visitor.unless(
    verdicts.every(each => each === 'good'),
    `inside the grace period refreshes were answered ${verdicts.join(', ')}`,
  )
  const successors = new Set(given.map(({ refresh }) => refresh))
  visitor.unless(successors.size === 1, `one token got ${successors.size} successors`)
  for (const tokens of given) await visitor.live(tokens, 'what a racing refresh was given')
  const [latest] = given
  if (!latest || visitor.random.chance(0.5)) return
  const next = await advanced(visitor, latest, 1)
  await visitor.live(next, 'the successor of the successor')
  const again = tokensIn(await visitor.refresh(before.refresh))
  visitor.unless(again?.refresh === next.refresh, 'a token two generations old did not get the current one')
}

/** A 503 may stand for a write that was made, and its retry is a reuse then: nobody need have won. */
async function oneWon(
  visitor: Visitor,
  before: Tokens,
  given: readonly Tokens[],
  verdicts: readonly string[],
): Promise<void> {
  const told = `without a grace period refreshes were answered ${verdicts.join(', ')}`
  visitor.unless(given.length <= 1, told)
  if (!visitor.mayHaveEndedSession) {
    const reused = verdicts.filter(each => each === 'ReusedTokenError')
    visitor.unless(given.length === 1 && reused.length === 1, told)
  }
  for (const tokens of [before, ...given]) await visitor.dead(tokens, 'a session whose token was reused')
}
