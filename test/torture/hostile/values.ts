import { NOW } from './instances.js'

/** Values of JSON, a space between them. */
const parsed = (...lines: string[]): unknown[] => lines.flatMap(line => line.split(' ')).map(text => JSON.parse(text))
const words = (...lines: string[]) => lines.flatMap(line => line.split(' '))

/** Claims that mean something here or elsewhere, and names that mean something to JavaScript. */
export const CLAIM_NAMES = words(
  'sub uid jti type iat exp nbf iss aud scopes fresh csrf sid gen login_type tenant scope roles',
  'constructor toString hasOwnProperty valueOf toJSON then length',
)

export const HOSTILE_VALUES = parsed(
  'null true false 0 1 -1 0.5 "" [] [[]] {} [null] [""] ["alice"] {"alice":1} [1,"a"] {"length":1} {"$gt":""}',
  '{"toString":"x"} {"valueOf":1} {"then":1} {"constructor":{"prototype":{"admin":true}}} [[[[[[[[[[[[]]]]]]]]]]]]',
  '["access","refresh"] ["api"] ["api",5] [null,"api"] {"0":"api"} ["*"] "admin:*" ["admin:*"] [["*"]]',
)

export const HOSTILE_TEXTS = [
  ...words(
    'a alice Alice bob carol api user acme globex https://issuer.example null undefined true ~ <script> {{7*7}}',
  ),
  ...words('__proto__ constructor ../../etc/passwd %00 session:a subject:a a* a?[b] " \\ $where'),
  ...words('alice\0 \ud800 \udfff\ud800 \u0000 \u2028 \u202e \ufeff \ufffd é e\u0301 😀 \r\nX:y \n'),
  ...[' alice', '[object Object]', "' OR 1=1 --", 'x'.repeat(5000)],
]

const SECOND = NOW / 1000

/** Around every boundary, and where numbers stop being numbers. */
export const HOSTILE_TIMES: readonly unknown[] = [
  ...parsed('-61 -60 -59 -31 -30 -29 -1 -0.5 -0.001 0 0.001 0.5 1 29 30 31 59 60 60.5 61 900').map(
    n => SECOND + Number(n),
  ),
  ...parsed('-0 1e-7 -1e-7 5e-324 4294967296 9007199254740992 9007199254740994 1e19 1e21 1e300 1.7976931348623157e308'),
  ...parsed('253402300799 253402300799.5 253402300800 8640000000000000 "1e9" "0x10"'),
  ...[NOW, String(SECOND), `${SECOND + 900}`, [SECOND]],
]

type Deform = (json: string) => string | Buffer

const instead: (text: string) => Deform = text => () => text
const atTheEnd: (text: string) => Deform = text => json => `${json.slice(0, -1)},${text}}`
const atTheStart: (text: string) => Deform = text => json => `{${text},${json.slice(1)}`

/** A member with these bytes in its text. */
function withBytes(hex: string): Deform {
  const member = Buffer.concat([Buffer.from(',"x":"'), Buffer.from(hex, 'hex'), Buffer.from('"}')])
  return json => Buffer.concat([Buffer.from(json.slice(0, -1)), member])
}

/** Members that come twice, or mean something to JavaScript, or are hardly numbers and texts any more. */
const MEMBERS = words(
  '"sub":"mallory" "sub":null "type":"refresh" "type":"access" "exp":1 "exp":1e999 "exp":-1 "alg":"none" "alg":null',
  '"alg":"HS256" "crit":["exp"] "b64":false "kid":"ec" "typ":"x" "__proto__":null "":""',
  '"__proto__":{"sub":"mallory","type":"access","exp":9e9,"crit":["x"],"alg":"none"}',
  '"constructor":{"prototype":{"sub":"mallory"}} "\\u0073ub":"mallory" "\\u0065xp":1 "\\u0061lg":"none"',
  '"x":"\\ud800" "x":"\\u0000" "x":1e999 "x":-0',
)

const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth)

const LARGE_MEMBERS = [
  ...[500, 1500, 2500].map(depth => `"x":${nested('[', ']', depth)}`),
  ...[200, 900].map(depth => `"x":${nested('{"a":', '}', depth).replace(':}', ':1}')}`),
  ...[`"x":${'9'.repeat(4000)}`, `"x":0.${'1'.repeat(4000)}`, `"x":"${'\\u0041'.repeat(700)}"`],
  Array.from({ length: 700 }, (_, n) => `"k${n}":0`).join(','),
  Array.from({ length: 700 }, () => '"k":{}').join(','),
  `"scopes":[${Array.from({ length: 1500 }, () => '""').join(',')}]`,
]

/** From the JSON of a good part, what is hardly JSON any more, or is JSON that nobody writes. */
export const RAW_PARTS: readonly Deform[] = [
  ...words('null true false 0 1e999 "text" "" [] [{}] {} { } undefined NaN [ ]').map(instead),
  ...['', ' '].map(instead),
  ...[' @', '@ \n', '\ufeff@', '@\0', '@@', '[@]', '@x', '/**/@'].map(
    (frame): Deform =>
      json =>
        frame.replaceAll('@', json),
  ),
  json => json.slice(0, -1),
  json => json.replaceAll('"', "'"),
  json => json.replace('}', ',}'),
  json => json.replace('{', `{${' '.repeat(3000)}`),
  json => JSON.stringify(json),
  json => Buffer.from(json, 'utf16le'),
  json => Buffer.from(`\ufeff${json}`, 'utf16le'),
  json => Buffer.concat([Buffer.from(json), Buffer.from([0xc3])]),
  ...words('ff c3 c328 e282 f09f c0af eda080 f8 00 1f').map(withBytes),
  ...[...MEMBERS, ...LARGE_MEMBERS].map(atTheEnd),
  ...MEMBERS.map(atTheStart),
]
