import type { AuthX, AuthXOptions } from '../../../src/index.js'
import { Broken, type Outcome, type Pass } from '../case.js'
import { randomOf, SEED } from '../fleet/random.js'
import { headerOf, signParts } from '../reference/signing.js'
import { corpusOf } from './corpus.js'
import { Costliest, contextOf, leastCostOf, type Work } from './cost.js'
import { SETUPS } from './instances.js'
import { Mutations } from './mutations.js'
import { goodClaims, type Populated, populate } from './populated.js'

/** Milliseconds of CPU time that no input may take: far more than any does, so that no slow machine decides. */
const MOST = 25

const LONGEST = 8192
const MUTATIONS: Readonly<Record<Pass, number>> = { full: 500, short: 50 }
const STEP: Readonly<Record<Pass, number>> = { full: 7, short: 200 }

/** Every input is verified anew: nothing of it is remembered. */
const FORGETFUL: AuthXOptions = {
  verifyCacheSize: 0,
  tokenLocation: { access: ['headers', 'cookies', 'query'], refresh: ['headers'] },
}

export async function cost(pass: Pass): Promise<Outcome> {
  const broken = new Broken()
  const worst: { what: string; cost: number }[] = []
  let count = 0
  for (const [n, setup] of SETUPS.entries()) {
    const populated = await populate(setup, FORGETFUL)
    const costliest = new Costliest(15)
    for (const work of [...worksOf(populated, n, pass), ...largeTokens(populated), ...largeRequests(populated)]) {
      await costliest.show(work)
      count++
    }
    const [first] = await costliest.again(9)
    const honest = await leastCostOf(verifying(populated.authx, 'a good token', populated.tokens.access), 9)
    if (first)
      worst.push({ what: `${setup.name}, ${first.work.what} (a good token: ${ms(honest)} ms)`, cost: first.cost })
  }
  worst.sort((a, b) => b.cost - a.cost)
  const [first] = worst
  broken.unless((first?.cost ?? 0) < MOST * 1000, `${first?.what} takes ${ms(first?.cost ?? 0)} ms of CPU time`)
  return {
    count,
    seen: `seed ${SEED}; the worst takes ${ms(first?.cost ?? 0)} ms: ${first?.what}`,
    broken: broken.lines,
  }
}

const ms = (microseconds: number) => (microseconds / 1000).toFixed(2)

const verifying = (authx: AuthX, what: string, token: unknown): Work => ({
  what,
  run: () => authx.verifyToken(token as string),
})

/** Some of all that the other cases try. */
function worksOf(populated: Populated, n: number, pass: Pass): Work[] {
  const corpus = corpusOf(populated)
  const mutations = new Mutations(populated, corpus, randomOf(400 + n))
  const some = corpus.filter((_, at) => at % STEP[pass] === 0)
  const more = Array.from({ length: MUTATIONS[pass] }, () => mutations.next())
  return [...some, ...more].map(([what, make]) => verifying(populated.authx, what, make()))
}

const fill = (text: string, room: number) => text.repeat(Math.max(0, Math.floor(room / text.length)))

/** Members that fill a part of so many bytes, and are as much trouble to whoever reads them as can be. */
const FILLINGS: readonly (readonly [what: string, fill: (room: number) => string])[] = [
  ['nested lists', room => `"x":${fill('[', room / 2)}${fill(']', room / 2)}`],
  ['nested objects', room => `"x":${'{"":'.repeat(room / 5)}0${'}'.repeat(room / 5)}`],
  ['empty lists', room => `"x":[${fill('[],', room - 2)}[]]`],
  ['empty objects', room => `"x":[${fill('{},', room - 2)}{}]`],
  ['members', room => Array.from({ length: room / 9 }, (_, n) => `"${n.toString(36)}":0`).join(',')],
  ['members of one name', room => `${fill('"a":0,', room)}"a":0`],
  ['scopes', room => `"scopes":[${fill('"",', room)}""]`],
  ['a text of escapes', room => `"x":"${fill('\\u0041', room)}"`],
  ['a text of surrogates', room => `"x":"${fill('\\ud800', room)}"`],
  ['digits', room => `"x":${fill('9', room)}`],
  ['digits after the point', room => `"x":0.${fill('1', room)}`],
  ['spaces', room => `${fill(' ', room)}"x":0`],
]

/** Tokens as long as tokens can be: signed, signed by nobody, and with the length in the header. */
function largeTokens({ authx, setup }: Populated): Work[] {
  const [signer] = setup.signers
  const claims = JSON.stringify(goodClaims(setup))
  const header = JSON.stringify(headerOf(signer))
  const withMember = (json: string, member: string) => `${json.slice(0, -1)},${member}}`
  return FILLINGS.flatMap(([what, filling]) => {
    const inPayload = fitted(room => signParts(header, withMember(claims, filling(room)), signer))
    const inHeader = fitted(room => signParts(withMember(header, filling(room)), claims, signer))
    const forged = [inPayload, inHeader].map(token => token.slice(0, -20) + 'A'.repeat(20))
    return [
      verifying(authx, `${what} in the payload`, inPayload),
      verifying(authx, `${what} in the header`, inHeader),
      ...forged.map((token, n) =>
        verifying(authx, `${what} in the ${n === 0 ? 'payload' : 'header'}, not signed`, token),
      ),
    ]
  })
}

/** The longest that is not too long. */
function fitted(make: (room: number) => string): string {
  for (let room = 6000; room > 0; room -= 100) {
    const token = make(room)
    if (token.length <= LONGEST) return token
  }
  return make(0)
}

/** As much as Node lets into the head of a request. */
const ROOM = 15_000

/** Requests that are as long as requests can be, without a body. */
function largeRequests({ authx, tokens, setup }: Populated): Work[] {
  const { access } = tokens
  const cookies = [
    'a=b; ',
    '; ',
    ';',
    'a; ',
    '=; ',
    'access_token_cookie=; ',
    'access_token_cookie=a; ',
    ' ',
    '\t',
    '"',
    'access_token_cookie=""; ',
  ]
  const queries = ['a&', '&', 'a=b&', 'token=&', 'token=a&', '%74oken&', '%', '+', 'a=', '=&']
  const values = ['Bearer ', ' ', 'Bearer  ', 'a ', '\t', 'a', 'Bearer,', '"']
  const locating = (what: string, url: string, headers: Record<string, string>): Work => ({
    what: `${what}, located`,
    run: () => authx.getTokenFromRequest(contextOf('POST', url, headers)),
  })
  return [
    ...cookies.map(each => locating(`a Cookie of ${JSON.stringify(each)}`, '/', { cookie: fill(each, ROOM) })),
    ...cookies.map(each =>
      locating(`a cookie after ${JSON.stringify(each)}`, '/', {
        cookie: `${fill(each, ROOM)}; access_token_cookie=${access}`,
      }),
    ),
    ...queries.map(each => locating(`a query of ${JSON.stringify(each)}`, `/?${fill(each, ROOM)}`, {})),
    ...values.map(each =>
      locating(`an Authorization of ${JSON.stringify(each)}`, '/', { authorization: fill(each, ROOM) }),
    ),
    ...values.map(each =>
      locating(`an Authorization ending in ${JSON.stringify(each)}`, '/', {
        authorization: `Bearer ${fill(each, ROOM)}x`,
      }),
    ),
    locating(
      `${setup.name}: many headers`,
      '/',
      Object.fromEntries(Array.from({ length: 1900 }, (_, n) => [`x${n}`, ''])),
    ),
  ]
}
