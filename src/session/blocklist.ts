import { inspect } from 'node:util'
import { warnOnce } from '../request/warn.js'
import { copyNote } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'

/**
 * The application's blocklist: returns, or resolves to, whether a token is revoked. It gets the verified payload, not
 * the encoded token.
 */
export type BlocklistCallback = (payload: TokenPayload) => boolean | Promise<boolean>

/** What a callback has done with its payload in one call. */
interface Use {
  /** It has read a claim, or has asked whether there is one. */
  hasReadClaim: boolean
  /** It has used the payload like a string. */
  asText: boolean
}

/**
 * Warns about a blocklist that was written for encoded tokens, as in AuthX for Python. `token => revoked.has(token)`
 * answers false for every payload, so nothing is revoked.
 *
 * Until the callback has read a claim, it gets a copy of the payload that notices this. Then it gets the payload itself.
 * A callback without parameters is not watched, and neither is one whose source reads its parameter.
 * @param warn called at most once.
 * @returns a function to call instead of `callback`, with the same answers.
 */
export function watchBlocklist(callback: BlocklistCallback, warn = warnAboutPayload): BlocklistCallback {
  if (typeof callback !== 'function' || callback.length === 0) return callback
  if (readsParameter(Function.prototype.toString.call(callback))) return callback
  let isOver = false
  const judge = ({ hasReadClaim }: Use, isSuspicious: boolean) => {
    if (!isOver && !hasReadClaim && isSuspicious) warn()
    isOver ||= hasReadClaim || isSuspicious
  }
  const watch = async (payload: TokenPayload) => {
    const use: Use = { hasReadClaim: false, asText: false }
    try {
      const revoked = await callback(observed(payload, use))
      judge(use, revoked !== true)
      return revoked
    } catch (error) {
      judge(use, use.asText)
      throw error
    }
  }
  return payload => (isOver ? callback(payload) : watch(payload))
}

/**
 * A copy of `payload` that notes in `use` what is read. It has getters and is no Proxy, because `structuredClone` and
 * `postMessage` reject a Proxy. Its prototype is one: reading a missing claim counts too.
 */
function observed(payload: TokenPayload, use: Use): TokenPayload {
  const prototype = new Proxy(Object.prototype, {
    has(target, name) {
      use.hasReadClaim = true
      return Reflect.has(target, name)
    },
    get(target, name, receiver) {
      if (name === inspect.custom) return () => payload
      if (isTextMember(name)) use.asText = true
      // `await payload` reads `then`.
      else if (typeof name === 'string' && name !== 'then') use.hasReadClaim = true
      return Reflect.get(target, name, receiver)
    },
  })
  const copy: object = Object.create(prototype)
  for (const [name, value] of Object.entries(payload)) {
    const get = () => {
      use.hasReadClaim = true
      return value
    }
    Object.defineProperty(copy, name, { enumerable: true, get })
  }
  copyNote(payload, copy)
  return Object.freeze(copy) as TokenPayload
}

/** Whether strings have this property. The claim `sub` has the name of an old method of strings. */
const isTextMember = (name: string | symbol) =>
  name === Symbol.toPrimitive || (name !== 'sub' && Object.hasOwn(String.prototype, name))

/**
 * Whether the source of a function reads properties of its first parameter. Only the source distinguishes
 * `token => revoked.has(token)` from `payload => revoked.size > 0 && revoked.has(payload.jti)`, which is correct and
 * may read nothing for a long time.
 */
export function readsParameter(source: string): boolean {
  const [, alone, listed = alone] = /^(?:async\s+)?([\w$]+)\s*=>|^[^(]*\(\s*([\w$]+|\{)/.exec(source) ?? []
  if (listed === undefined || listed === '{') return listed === '{'
  const name = `(?<![\\w$.])${listed.replaceAll('$', '\\$')}(?![\\w$])`
  const reads = [
    `\\}\\s*=\\s*${name}`, // const { jti } = payload
    `\\bin\\s+${name}`, // 'jti' in payload
    `\\b(?:Object|Reflect)\\.\\w+\\(\\s*${name}`, // Object.hasOwn(payload, 'jti')
    `${name}\\s*(?:\\?\\.\\s*)?\\[`, // payload['jti']
  ]
  if (new RegExp(reads.join('|')).test(source)) return true
  const members = source.matchAll(new RegExp(`${name}\\s*\\??\\.\\s*([\\w$]+)`, 'g'))
  return [...members].some(([, member = '']) => !isTextMember(member))
}

function warnAboutPayload(): void {
  warnOnce(
    'AUTHX_BLOCKLIST_PAYLOAD',
    'setTokenBlocklist: the callback has decided without reading a claim. It gets the verified payload, an object, and ' +
      'not the encoded token as in AuthX for Python. If it searches for an encoded token, it never finds one, and no ' +
      'token is revoked. Let it read a claim, for example payload.jti, and block the value of this claim.',
  )
}
