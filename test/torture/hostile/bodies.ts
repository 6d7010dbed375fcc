import type { Random } from '../fleet/random.js'
import type { ParsedBody } from '../reference/place-rules.js'
import type { Mutations } from './mutations.js'
import type { Deformed } from './requests.js'
import { PATHS, type Path, type Scene } from './scene.js'
import { HOSTILE_TEXTS, HOSTILE_VALUES, RAW_PARTS } from './values.js'

const list = (...lines: string[]) => lines.flatMap(line => line.split('|'))

const CLEAN_JSON = list(
  'application/json|Application/JSON|application/json; charset=utf-8|application/json;charset="UTF-8"',
  'application/json; charset=us-ascii|application/json; charset=utf-16|application/json; charset=x-none',
  'application/json; profile="a;b"|application/json ; charset=latin1',
)

const ODD_TYPES = list(
  'application/json;|application/json; charset|application/json; charset=|application/json;;charset=utf-8|json||null|\xff',
  'application/json, text/html|application/json\nContent-Type: text/plain|text/plain\nContent-Type: application/json',
  'application/jsonp|application/json5|text/json|application/vnd.api+json|application/csp-report|text/plain|*/*',
  'application/*|application/json/x|application json|application/json\xa0|application/octet-stream|multipart/form-data',
  'multipart/form-data; boundary=|multipart/form-data; boundary=x|multipart/mixed; boundary=x',
  'application/x-www-form-urlencoded|application/x-www-form-urlencoded; charset=utf-7',
)

const ENCODINGS = list('gzip|br|deflate|identity|identity, gzip|x-none|\xff')

const FORM = 'application/x-www-form-urlencoded'
const MULTIPART = 'multipart/form-data; boundary=X'

/** Forms that hold the right value (`$`), that hold none, and of which it is enough that they do no harm. */
const FORMS = {
  right: list('csrf_token=$|a=b&csrf_token=$|csrf_token=$&a=b|csrf%5ftoken=$|&csrf_token=$&'),
  none: list('|a=b|csrf_token|csrf_token=|CSRF_TOKEN=$|csrf_token=$&csrf_token=$|csrf_token[]=$'),
  any: list(
    'csrf_token[a]=$|csrf_token.a=$|__proto__[csrf_token]=$|constructor[prototype][csrf_token]=$|csrf_token=%zz|csrf_token=%ff',
    `%|[|a[|csrf_token;$|csrf_token=$x|toString=1|hasOwnProperty=1|a${'[b]'.repeat(500)}=$|${'a=b&'.repeat(2000)}`,
    `csrf_token=${'$'.repeat(20)}|${'x'.repeat(60_000)}`,
  ),
}

const part = (name: string, value: string) =>
  `--X\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`

const MULTIPARTS = [
  `${part('csrf_token', '$')}--X--\r\n`,
  `${part('a', 'b')}${part('csrf_token', '$')}--X--\r\n`,
  `${part('csrf_token', '$')}${part('csrf_token', '$')}--X--\r\n`,
  `${part('csrf_token', '')}--X--\r\n`,
  `${part('__proto__', '$')}${part('constructor', '$')}--X--\r\n`,
  part('csrf_token', '$'),
  '--X--\r\n',
  '--X\r\n',
  `--Y${part('csrf_token', '$')}`,
  part('csrf_token', '$').replace('form-data', 'attachment'),
  part('csrf_token', '$').replace('name=', 'filename='),
]

/** Makes requests with bodies in which a token, or a CSRF value, is to be found or is not. */
export class Bodies {
  readonly #random: Random
  readonly #scene: Scene
  readonly #mutations: Mutations

  constructor(scene: Scene, mutations: Mutations, random: Random) {
    this.#scene = scene
    this.#mutations = mutations
    this.#random = random
  }

  next(): Deformed {
    const random = this.#random
    const lot = random.between(1, 10)
    if (lot <= 6) return this.#json()
    return lot <= 9 ? this.#form() : this.#multipart()
  }

  #json(): Deformed {
    const random = this.#random
    const text = this.#jsonText()
    const bytes = typeof text === 'string' ? Buffer.from(text) : text
    const isClean = random.chance(0.7)
    const type = random.pick(isClean ? CLEAN_JSON : ODD_TYPES)
    const encoding = random.chance(0.05) ? [`Content-Encoding: ${random.pick(ENCODINGS)}`] : []
    const json = parsedJson(bytes)
    const isJson = type.split(/[;\n]/)[0]?.trim().toLowerCase() === 'application/json'
    const certain =
      isClean && encoding.length === 0 && json !== undefined && !/__proto__|constructor/.test(String(text))
    const parsed = [...(isJson && json ? [json] : []), ...(certain ? [] : [{}])]
    return this.#request([...this.#type(type), ...encoding], bytes, parsed, !certain)
  }

  #jsonText(): string | Buffer {
    const random = this.#random
    const name = random.pick([
      'access_token',
      'access_token',
      'refresh_token',
      'refresh_token',
      'Access_Token',
      'token',
    ])
    const token = this.#token()
    const values: unknown[] = [
      [token],
      { token },
      [[token]],
      `${token} `,
      random.pick(HOSTILE_VALUES),
      random.pick(HOSTILE_TEXTS),
    ]
    const value = random.chance(0.6) ? token : random.pick(values)
    const text = JSON.stringify({ ...(random.chance(0.3) && { a: 1 }), [name]: value })
    if (random.chance(0.6)) return text
    const wrapped = [
      `[${text}]`,
      `{"a":${text}}`,
      JSON.stringify(text),
      JSON.stringify(token),
      `{"a":"${'x'.repeat(1_100_000)}"}`,
    ]
    return random.pick([() => random.pick(RAW_PARTS)(text), () => random.pick(wrapped)])()
  }

  #form(): Deformed {
    const { csrf } = this.#scene
    const kind = this.#random.pick(['right', 'none', 'any'] as const)
    const body = Buffer.from(this.#random.pick(FORMS[kind]).replaceAll('$', csrf))
    const [right, none] = [{ form: { csrf_token: csrf } }, { form: {} }]
    const parsed = { right: [right], none: [none], any: [right, none, { form: { csrf_token: 'x' } }, {}] }[kind]
    return this.#request(this.#type(FORM), body, parsed, kind === 'any')
  }

  #multipart(): Deformed {
    const random = this.#random
    const { csrf } = this.#scene
    const n = random.between(0, MULTIPARTS.length - 1)
    const body = Buffer.from((MULTIPARTS[n] ?? '').replaceAll('$', csrf))
    const right = { form: { csrf_token: csrf } }
    const parsed: ParsedBody[] = n < 2 ? [right] : [{ form: {} }, {}, ...(n === 5 ? [right] : [])]
    return this.#request(this.#type(MULTIPART), body, parsed, n >= 2)
  }

  #request(lines: readonly string[], body: Buffer, parsed: readonly ParsedBody[], unparsable: boolean): Deformed {
    const random = this.#random
    const method = random.pick(['POST', 'POST', 'POST', 'PUT', 'PATCH', 'GET', 'DELETE'])
    const path = random.pick(PATH_NAMES)
    const request = { method, target: path, lines: [...lines, ...this.#cookies()], body, inChunks: random.chance(0.1) }
    // koa-body leaves the bodies of the others alone.
    if (method === 'GET' || method === 'DELETE') return { path, request, parsed: [{}] }
    return { path, request, parsed: body.length === 0 ? [...parsed, {}] : parsed, unparsable }
  }

  #type(type: string): string[] {
    return `Content-Type: ${type}`.split('\n')
  }

  #cookies(): string[] {
    const random = this.#random
    const { access, refresh } = this.#scene.populated.tokens
    if (random.chance(0.3)) return []
    const lines = [`Cookie: access_token_cookie=${access}; refresh_token_cookie=${refresh}`]
    return random.chance(0.2) ? [...lines, `X-CSRF-TOKEN: ${random.pick([this.#scene.csrf, 'x', ''])}`] : lines
  }

  #token(): unknown {
    const random = this.#random
    const { tokens } = this.#scene.populated
    if (random.chance(0.5)) return random.pick([tokens.access, tokens.refresh])
    return random.chance(0.5) ? random.pick(Object.values(tokens)) : String(this.#mutations.next()[1]())
  }
}

const PATH_NAMES = Object.keys(PATHS) as Path[]

/** What koa-body makes of bytes that it takes for JSON: an object or a list, or nothing at all. */
function parsedJson(bytes: Buffer): ParsedBody | undefined {
  // koa-body takes a byte order mark away.
  const text = bytes.toString().replace(/^\ufeff/, '')
  if (bytes.length > 1_000_000) return undefined
  try {
    return /^[ \t\r\n]*[{[]/.test(text) ? { json: JSON.parse(text) } : undefined
  } catch {
    return undefined
  }
}
