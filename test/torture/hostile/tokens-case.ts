import { Broken, type Outcome, type Pass } from '../case.js'
import { randomOf, SEED } from '../fleet/random.js'
import { corpusOf } from './corpus.js'
import { SETUPS, type Setup } from './instances.js'
import { Judging } from './judging.js'
import { Mutations } from './mutations.js'
import { type Hostile, populate } from './populated.js'

/** How many mutations each instance gets in the full pass. */
const MUTATIONS: Readonly<Record<string, number>> = { HS256: 20_000 }
const OTHERS = 8000

/** Where a signature takes long, and the others have tried it already, it is one in so many. */
const SLOW: Readonly<Record<string, number>> = { PS256: 4, ES384: 4, ES512: 4 }

/** The short pass takes one in so many, and of the corpus all where a signature takes no time. */
const SHORT = 40

export async function hostileTokens(pass: Pass): Promise<Outcome> {
  const broken = new Broken()
  const judgings: Judging[] = []
  for (const [n, setup] of SETUPS.entries()) judgings.push(await tryAll(setup, n, pass, broken))
  const sum = (name: 'count' | 'accepted') => judgings.reduce((total, judging) => total + judging[name], 0)
  const seen = `${SETUPS.length} instances, seed ${SEED}; ${sum('accepted')} good ones among them, and accepted`
  return { count: sum('count'), seen, broken: broken.lines }
}

async function tryAll(setup: Setup, n: number, pass: Pass, broken: Broken): Promise<Judging> {
  const random = randomOf(n)
  const populated = await populate(setup)
  const judging = new Judging(populated, broken)
  const corpus = corpusOf(populated)
  const step = (SLOW[setup.name] ?? 1) * (pass === 'full' ? 1 : SHORT)
  await tryCorpus(judging, corpus, setup.name === 'HS256' ? 1 : step)
  const mutations = new Mutations(populated, corpus, random)
  for (let left = (MUTATIONS[setup.name] ?? OTHERS) / step; left > 0; left--) {
    await judging.try(mutations.next(), left % 5 === 0 ? 'refresh' : 'access')
  }
  judging.finish()
  return judging
}

async function tryCorpus(judging: Judging, corpus: readonly Hostile[], step: number): Promise<void> {
  for (const [n, hostile] of corpus.entries()) {
    if (n % step !== 0) continue
    await judging.try(hostile, 'access')
    if (n % 4 === 0) await judging.try(hostile, 'refresh')
    if (n % 3 === 0) await judging.tryToRevoke(hostile)
  }
}
