import { headerOf, signClaims, signParts } from '../reference/signing.js'
import type { Json } from '../reference/token-rules.js'
import { goodClaims, type Hostile, type Populated } from './populated.js'
import { CLAIM_NAMES, HOSTILE_TEXTS, HOSTILE_TIMES, HOSTILE_VALUES, RAW_PARTS } from './values.js'

/** Tokens whose content, or whose form, is not what it should be. What is signed is signed by a key of the instance. */
export function corpusOfForms(populated: Populated): Hostile[] {
  return [
    ...wrongClaims(populated),
    ...rawParts(populated),
    ...deformed(populated),
    ...respelt(populated),
    ...noTexts(populated),
  ]
}

/** Every claim missing, and with every value that it should not have. */
function wrongClaims({ setup, world }: Populated): Hostile[] {
  const [signer] = setup.signers
  const claims = goodClaims(setup)
  const sign = (changes: Json): Hostile => [
    `claims ${JSON.stringify(changes).slice(0, 100)}`,
    () => signClaims({ ...claims, ...changes }, signer),
  ]
  const ids = [...world.sessions.keys(), ...world.revoked]
  const values = [...HOSTILE_VALUES, ...HOSTILE_TEXTS, ...HOSTILE_TIMES, ...ids]
  const types = ['access', 'refresh', 'Access', 'REFRESH', ' access', ['access'], { access: 1 }]
  return [
    ...CLAIM_NAMES.map(name => sign({ [name]: undefined })),
    ...CLAIM_NAMES.flatMap(name => values.map(value => sign({ [name]: value }))),
    ...[...types, ...HOSTILE_VALUES].flatMap(type => ids.map(sid => sign({ type, sid, gen: 0 }))),
    ...[0, 1, 2, 3, -1, 0.5, '0', null, 2 ** 53].flatMap(gen => ids.map(sid => sign({ type: 'refresh', sid, gen }))),
  ]
}

/** Payloads and headers that are not what `JSON.stringify` writes. */
function rawParts({ setup }: Populated): Hostile[] {
  const [signer] = setup.signers
  const [header, payload] = [JSON.stringify(headerOf(signer)), JSON.stringify(goodClaims(setup))]
  return RAW_PARTS.flatMap((deform): Hostile[] => [
    [`payload ${String(deform('{@}')).slice(0, 60)}`, () => signParts(header, deform(payload), signer)],
    [`header ${String(deform('{@}')).slice(0, 60)}`, () => signParts(deform(header), payload, signer)],
  ])
}

const AROUND = ' |\n|\t|\0|\ufeff|=|==|.|"|\'|,|;|%20|+|/|\u200b'.split('|')

/** A token with something around it, or something missing. */
function deformed({ tokens }: Populated): Hostile[] {
  return Object.values(tokens).flatMap(token => {
    const whole = AROUND.flatMap(each => [each + token, token + each, each + token + each])
    return [...whole, ...rearranged(token), ...enlarged(token)].map(
      (each): Hostile => [`deformed ${each.slice(0, 40)}`, () => each],
    )
  })
}

function rearranged(token: string): string[] {
  const [head = '', body = '', signature = ''] = token.split('.')
  return [
    ...[`${head}.${body}`, `${head}.${body}.`, `${head}..${signature}`, `.${body}.${signature}`, '..', '...', ''],
    ...[`${body}.${head}.${signature}`, `${head}.${head}.${signature}`, `${head}.${signature}.${body}`],
    ...[`${token}${token}`, `${token}.${token}`, `${token},${token}`, `${token} ${token}`, `Bearer ${token}`],
    ...['\uff0e', '%2e', '..', ' . ', '-'].map(dot => token.replaceAll('.', dot)),
    ...[token.toUpperCase(), token.toLowerCase(), [...token].join(' '), [...token].reverse().join('')],
    ...[token.replaceAll('-', '+').replaceAll('_', '/'), JSON.stringify({ protected: head, payload: body, signature })],
  ]
}

function enlarged(token: string): string[] {
  const [large, half] = ['A'.repeat(8192), 'A'.repeat(4000)]
  return [`${token}.AAAA`, token + large, large, `${half}.${half}.A`, `${token}${' '.repeat(8000)}`, '.'.repeat(8192)]
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Other last letters, and one letter more, of a good signature. */
function respelt({ tokens }: Populated): Hostile[] {
  return [tokens.access, tokens.single, tokens.revoked].flatMap(token =>
    [...LETTERS].flatMap((letter): Hostile[] => [
      [`last letter ${letter}`, () => token.slice(0, -1) + letter],
      [`one letter more ${letter}`, () => token + letter],
    ]),
  )
}

function noTexts({ tokens: { access } }: Populated): Hostile[] {
  const plain = [undefined, null, 0, 1, true, Number.NaN, 10n, Symbol('token')]
  const objects = [[], [access], access.split('.'), {}, { toString: () => access }, Object(access), new Map()]
  return [...plain, ...objects, () => access, Buffer.from(access), new Date(0)].map(
    (each): Hostile => [`no text but ${typeof each}`, () => each],
  )
}
