import type { RawAnswer } from '../reference/raw-client.js'

const BEARER = 'Bearer realm="authx"'
const invalid = { status: 401, challenge: `${BEARER}, error="invalid_token"` }

/** What each error is answered with (RFC 6750 §3). */
const ERRORS: Readonly<Record<string, { readonly status: number; readonly challenge?: string }>> = {
  MissingTokenError: { status: 401, challenge: BEARER },
  MalformedTokenRequestError: { status: 400, challenge: `${BEARER}, error="invalid_request"` },
  JWTDecodeError: invalid,
  TokenExpiredError: invalid,
  TokenInvalidSignatureError: invalid,
  TokenInvalidAudienceError: invalid,
  TokenInvalidIssuerError: invalid,
  AccessTokenRequiredError: invalid,
  RefreshTokenRequiredError: invalid,
  LoginTypeMismatchError: invalid,
  RevokedTokenError: invalid,
  ReusedTokenError: invalid,
  CSRFError: { status: 403 },
  MissingCSRFTokenError: { status: 403 },
  Unparsable: { status: 400 },
}

/** How many messages an error has, if not one: not valid at all or not yet; the value does not fit or the origin. */
const MESSAGES: Readonly<Record<string, number>> = { JWTDecodeError: 2, CSRFError: 2 }

const HEADERS = new Set([
  'date',
  'connection',
  'keep-alive',
  'content-type',
  'content-length',
  'www-authenticate',
  'vary',
])

/** What Node answers by itself to what is no request. */
const NODE_ANSWERS = new Set([0, 400, 408, 413, 417, 431, 501, 505])

export const errorOf = ({ body }: RawAnswer): string => /"error_type":"(\w+)"/.exec(body)?.[1] ?? ''

/** Looks at answers for what no refusal may have: a form of its own, or something of the request. */
export class Answers {
  readonly #bodies = new Map<string, Set<string>>()

  /** What is wrong with an answer of Node's own. */
  ofNode({ status, body }: RawAnswer): string | undefined {
    if (!NODE_ANSWERS.has(status)) return `Node answered ${status}`
    return body === '' ? undefined : `Node's answer has the body ${body.slice(0, 80)}`
  }

  /** What is wrong with a refusal. The body of an answer to HEAD is never sent. */
  ofRefusal(answer: RawAnswer, isHead: boolean, reasons: readonly string[]): string | undefined {
    const { status, headers, body } = answer
    if (isHead && body === '') return [400, 401, 403].includes(status) ? undefined : `HEAD was answered with ${status}`
    const name = errorOf(answer)
    const known = ERRORS[name]
    if (!known || known.status !== status) return `was refused with ${status} ${body.slice(0, 80)}`
    if (!reasons.includes(name)) return `was refused with ${name}, and should be ${reasons}`
    const challenge = headers.find(([each]) => each.toLowerCase() === 'www-authenticate')?.[1]
    if (challenge !== known.challenge) return `${name} has the challenge ${challenge}`
    const strange = headers.filter(([each]) => !HEADERS.has(each.toLowerCase()))
    if (strange.length > 0 && name !== 'ReusedTokenError') return `${name} has the headers ${strange}`
    return this.#isConstant(name, body) ? undefined : `${name} has not always the same body: ${body.slice(0, 200)}`
  }

  /** An answer that holds nothing but an error is the same for everybody: so it can hold nothing of a request. */
  #isConstant(name: string, body: string): boolean {
    const bodies = this.#bodies.get(name) ?? new Set()
    this.#bodies.set(name, bodies.add(body))
    return /^\{"message":"[^"]+","error_type":"\w+"\}$/.test(body) && bodies.size <= (MESSAGES[name] ?? 1)
  }
}
