import type { Random } from '../fleet/random.js'
import type { ParsedBody, SentRequest } from '../reference/place-rules.js'
import type { Mutations } from './mutations.js'
import { PATHS, type Path, type Scene } from './scene.js'

/** One after another, with a bar between. */
const list = (...lines: string[]) => lines.flatMap(line => line.split('|'))

/** Lines of a request: `@` is a token, `~` another one, `$` the CSRF value of the session; `\n` begins another line. */
const AUTHORIZATION = list(
  'Bearer @|bearer @|BEARER @|bEaReR    @|  Bearer @|Bearer @  |\tBearer @\t|Bearer  @ \t |Bearer\t@|Bearer \t@|Bearer@',
  'Bearer:@|Bearer,@|Bearer=@|@||Bearer|Bearer |Bearer null|Bearer "@"|Bearer <@>|Bearer token=@|Bearer token="@"',
  "Bearer @,|Bearer @;|Bearer ,@|Bearer '@'|Bearer @ @|Bearer @ ~|Bearer Bearer @|Bearer @, Bearer ~|Bearer @,~|Basic @",
  'Token @|JWT @|Basic OnB3, Bearer @|Bearerx @|Bea rer @|"Bearer" @|Bearer\xa0@|\xa0Bearer @|B\xe9arer @|Bearer @\xff',
  'Bearer @\x01|Bearer \x00@|Bearer @\x7f|Bearer @\r\n ~|Bearer\r\n @|Bearer\r\n\t@|@ Bearer|Bearer @ x=y',
).map(value => `Authorization:${value}`)

const OTHER_HEADERS = list(
  'authorization: Bearer @|AUTHORIZATION: Bearer @|Authorization : Bearer @|Authorization\t: Bearer @|X-Token: @',
  'X-Authorization: Bearer @|Proxy-Authorization: Bearer @|X-Forwarded-Authorization: Bearer @|X-Token: Bearer @',
  'Authorization: Bearer @\nAuthorization: Bearer @|Authorization: Bearer @\nauthorization: Bearer ~|Authorization',
  'Authorization: Basic x\nAuthorization: Bearer @|Authorization:\nAuthorization: Bearer @|: Bearer @',
  ' Authorization: Bearer @|Authorization: Bearer @\n Bearer ~',
)

/** `access` and `refresh` are the names of the cookies. */
const COOKIES = list(
  'access=@|access=@; refresh=~|refresh=@|a=b; access=@; c=d|a=b;access=@;c|;;access=@;;| access = @ |\taccess\t=\t@\t',
  'access="@"|access="@|access=@"|access=""@""|access=@; access=@|access=@; access=~|access=; access=@|access=@; access="@"',
  'access=@; ACCESS=~|ACCESS=@|xaccess=@|accessx=@|access==@|access=@=|access|=@|access=|access=@, access=~|a=b, access=@',
  'access=@,|$Version=1; access=@; $Path=/|__Host-access=@|access=%40|a=access=@|access[]=@|access=@\xff|\xa0access=@',
  'access=@; refresh=@|access=~; refresh=@|refresh=~; access=@|access=j:"@"|access=s:@.sig; access.sig=@',
  "access='@'",
).map(value => `Cookie:${value}`)

const MORE_COOKIES = list(
  'Cookie: access=@\nCookie: access=@|Cookie: access=@\nCookie: access=~|Cookie: a=b\ncookie: access=@|Cookie2: access=@',
  `Set-Cookie: access=@|Cookie : access=@|Cookie: ${'a=b; '.repeat(1500)}access=@`,
)

const CSRF = list(
  'X-CSRF-TOKEN: $|x-csrf-token:$|X-CSRF-TOKEN: $|X-CSRF-TOKEN:  $ \t||X-CSRF-TOKEN:|X-CSRF-TOKEN: x|X-CSRF-TOKEN: $x',
  'X-CSRF-TOKEN: "$"|X-CSRF-TOKEN: $\nX-CSRF-TOKEN: $|X-CSRF-TOKEN: $, $|X-CSRF-TOKEN: \xff\xfe|X-CSRF-TOKEN: @',
  'X-XSRF-TOKEN: $|X-CSRF-TOKEN: undefined',
)

const QUERIES = list(
  '?token=@|?a=b&token=@|?token=@&a=b|?&&token=@&&|?token=@&token=@|?token=@&token=~|?token=&token=@|?%74oken=@',
  '?tok%65n=@|?token=%20@|?token=+@|?token=@%00|?Token=@|?token[]=@|?token[0]=@|?token.a=@|?token|?token=|?token==@',
  '?a=b;token=@|?a=b%26token=@|?token=%|?token=@%zz|?tokenx=@|?token=@#x|#?token=@|?token="@"|?access_token=@',
  `?token=@?token=~|?|?${'a&'.repeat(1500)}token=@`,
)

const NOISE = list(
  'Accept: */*|Content-Type: application/json|Content-Type: text/plain|X-HTTP-Method-Override: GET|Origin: null',
  'X-Forwarded-For: 127.0.0.1|Connection: keep-alive|Upgrade: websocket|Expect: 100-continue|Range: bytes=0-',
  'If-None-Match: *|Content-Type: \xff|Content-Encoding: gzip|X-Original-URL: /public',
  `X: ${'x'.repeat(3000)}`,
)

const METHODS = 'GET GET GET POST POST PUT PATCH DELETE HEAD OPTIONS TRACE PROPFIND M-SEARCH'.split(' ')

export interface Deformed {
  readonly path: Path
  readonly request: SentRequest
  /** What a body parser may make of its body, one of these. Without: there is none. */
  readonly parsed?: readonly ParsedBody[]
  /** Whether the parser may refuse it. */
  readonly unparsable?: boolean
}

/** Makes requests whose token is in the wrong place, or in the right one and looks strange. */
export class Requests {
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
    const path = random.pick(PATH_NAMES)
    const query = random.chance(this.#uses('query') ? 0.5 : 0.05) ? this.#filled(random.pick(QUERIES)) : ''
    const lines = [...this.#tokens(), ...(random.chance(0.2) ? [random.pick(NOISE)] : [])]
    return { path, request: { method: random.pick(METHODS), target: path + query.replaceAll(' ', '%20'), lines } }
  }

  #tokens(): string[] {
    const random = this.#random
    const { headerName } = this.#scene.stage.places
    const inHeader = random.chance(this.#uses('headers') ? 0.7 : 0.1)
    const inCookie = random.chance(this.#uses('cookies') ? 0.8 : 0.05)
    const headers = random.chance(0.3) ? PLAIN : random.pick([AUTHORIZATION, AUTHORIZATION, OTHER_HEADERS])
    const cookies = random.chance(0.3) ? PLAIN_COOKIES : random.pick([COOKIES, COOKIES, MORE_COOKIES])
    return [
      ...(inHeader ? this.#line(random.pick(headers).replaceAll(/^Authorization:/gm, `${headerName}:`)) : []),
      ...(inCookie ? [...this.#line(named(random.pick(cookies))), ...this.#line(random.pick(CSRF))] : []),
    ]
  }

  #line(template: string): string[] {
    return template === '' ? [] : this.#filled(template).split('\n')
  }

  #filled(template: string): string {
    const [one, other] = [this.#token(), this.#token()]
    return template.replaceAll(/[@~$]/g, mark => (mark === '@' ? one : mark === '~' ? other : this.#scene.csrf))
  }

  /** As bytes, of which each is a character. */
  #token(): string {
    const { tokens } = this.#scene.populated
    const random = this.#random
    if (random.chance(0.4)) return tokens.access
    if (random.chance(0.5)) return random.pick([tokens.refresh, tokens.refresh, ...Object.values(tokens)])
    const made = String(this.#mutations.next()[1]())
    // What breaks lines breaks them in every header; the tables have that.
    return Buffer.from(made.replaceAll(/[\r\n]/g, ' ')).toString('latin1')
  }

  #uses(place: 'headers' | 'cookies' | 'query'): boolean {
    const { access, refresh } = this.#scene.stage.places
    return access.includes(place) || refresh.includes(place)
  }
}

const PLAIN = ['Authorization: Bearer @']
const PLAIN_COOKIES = ['Cookie: access=@; refresh=~', 'Cookie: access=~; refresh=@']
const PATH_NAMES = [...(Object.keys(PATHS) as Path[]), '/guard', '/guard', '/guard'] as const

/** The names that cookies have at the server. */
function named(template: string): string {
  return template
    .replaceAll(/access(?=[\s=[.x"]|$)/g, 'access_token_cookie')
    .replaceAll(/refresh(?=\s*=)/g, 'refresh_token_cookie')
}
