import type { KeyObject } from 'node:crypto'
import { type KeyForm, spaced } from './key-forms.js'

/** The ways in which programs and configuration files write the bytes of a public key. */
export function notationsOfDer(key: KeyObject): KeyForm[] {
  const der = key.export({ type: 'spki', format: 'der' })
  const pem = key.export({ type: 'spki', format: 'pem' }) as string
  const base64 = der.toString('base64')
  const each = (write: (byte: number) => string, between = '') => [...der].map(write).join(between)
  return [
    ['base64 of PEM', Buffer.from(pem).toString('base64')],
    ['base64url of PEM', Buffer.from(pem).toString('base64url')],
    ['PEM in a URL', encodeURIComponent(pem)],
    ['PEM as a form writes it', new URLSearchParams({ key: pem }).toString()],
    ['PEM in a data URL', `data:application/x-pem-file;base64,${Buffer.from(pem).toString('base64')}`],
    ['PEM in a data URL, not base64', `data:,${encodeURIComponent(pem)}`],
    ['PEM in UTF-16, without a mark', Buffer.from(pem, 'utf16le')],
    ['PEM in UTF-16, bytes swapped', Buffer.from(`\ufeff${pem}`, 'utf16le').swap16()],
    ['PEM with carriage returns', pem.replaceAll('\n', '\r\n')],
    ['PEM in YAML', `key: |\n${pem.replaceAll(/^/gm, '  ')}`],
    ['PEM in a file of variables', `KEY="${pem.replaceAll('\n', '\\n')}"`],
    ['PEM as a JSON list of lines', JSON.stringify(pem.split('\n'))],
    ['PEM in an e-mail that is quoted', pem.replaceAll(/^/gm, '> ')],
    ['PEM as quoted-printable', pem.replaceAll('=', '=3D').replace(/.{60}/g, '$&=\n')],
    ['base64 without slashes as PHP escapes them', JSON.stringify(base64).replaceAll('/', '\\/')],
    ['base64 in YAML', `key: >-\n  ${base64.replace(/.{64}/g, '$&\n  ')}`],
    ['base64 in JSON of Keycloak', JSON.stringify({ realm: 'test', public_key: base64, 'tokens-not-before': 0 })],
    ['base64 with spaces that no reader sees', base64.replace(/.{64}/g, '$&\u00a0\u200b')],
    ['base64 where plus became a space', base64.replaceAll('+', ' ')],
    ['hexadecimal with underscores', spaced(der, '_')],
    ['hexadecimal with full stops', spaced(der, '.')],
    ['hexadecimal of PostgreSQL', `\\x${der.toString('hex')}`],
    ['hexadecimal of SQL', `x'${der.toString('hex')}'`],
    [
      'hexadecimal as xxd prints it',
      dump(der, ': ', bytes => `${spaced(bytes, '').replace(/.{4}/g, '$& ')} ${readable(bytes)}`),
    ],
    [
      'hexadecimal as hexdump prints it',
      dump(der, '  ', bytes => `${spaced(bytes, ' ').replace(/^.{24}/, '$& ')}  |${readable(bytes)}|`),
    ],
    ['hexadecimal as od prints it', dump(der, ' ', bytes => spaced(bytes, ' '))],
    ['bytes of Java', JSON.stringify([...new Int8Array(der)])],
    ['bytes as JSON writes a Uint8Array', JSON.stringify(new Uint8Array(der))],
    ['bytes as Node prints a Uint8Array', `Uint8Array(${der.length}) [ ${each(String, ', ')} ]`],
    ['bytes in YAML', each(byte => `- ${byte}`, '\n')],
    ['octal escapes', each(byte => `\\${byte.toString(8).padStart(3, '0')}`)],
    ['escapes of ES2015', each(byte => `\\u{${byte.toString(16)}}`)],
    ['decimal escapes of HTML', each(byte => `&#${byte};`)],
    ['hexadecimal escapes of HTML', each(byte => `&#x${byte.toString(16)};`)],
    ['old escapes of URLs', each(byte => `%u00${byte.toString(16).padStart(2, '0')}`)],
  ]
}

/** The lines of a dump: each has its offset and 16 bytes. */
const dump = (all: Buffer, between: string, write: (bytes: Buffer) => string) =>
  Array.from({ length: Math.ceil(all.length / 16) }, (_, line) => {
    const offset = (line * 16).toString(16).padStart(8, '0')
    return `${offset}${between}${write(all.subarray(line * 16, line * 16 + 16))}`
  }).join('\n')

const readable = (bytes: Buffer) => bytes.toString('latin1').replace(/[^ -~]/g, '.')

/** The ways in which configuration files write a JWK, also without `kty`. Only for keys that have a JWK. */
export function notationsOfJwk(key: KeyObject): KeyForm[] {
  const { kty, ...members } = key.export({ format: 'jwk' }) as Record<string, string>
  const whole = { kty: String(kty), ...members }
  return [
    ...notations(whole),
    ...notations(members).map(([what, form]) => [`${what}, without kty`, form] as const),
    ['with other members', JSON.stringify({ ...whole, kid: 'a', use: 'sig', alg: 'RS256', 'x5t#S256': 'a' })],
    ['a JWK Set in YAML', `keys:\n  - ${lines(whole, ': ', '\n    ')}`],
    ['did:jwk', `did:jwk:${Buffer.from(JSON.stringify(whole)).toString('base64url')}`],
  ]
}

const lines = (members: Record<string, string>, is: string, between: string, quote = '') =>
  Object.entries(members)
    .map(([name, value]) => `${name}${is}${quote}${value}${quote}`)
    .join(between)

function notations(members: Record<string, string>): KeyForm[] {
  const json = JSON.stringify(members)
  const capitals = Object.fromEntries(
    Object.entries(members).map(([name, value]) => [`JWK_${name.toUpperCase()}`, value]),
  )
  return [
    ['JSON', json],
    ['JSON on lines', JSON.stringify(members, null, 2)],
    ['a JWK Set', JSON.stringify({ keys: [members] })],
    ['JSON in JSON', JSON.stringify({ key: json })],
    ['JSON in base64', Buffer.from(json).toString('base64')],
    ['JSON in a URL', encodeURIComponent(json)],
    ['JSON in UTF-16', Buffer.from(json, 'utf16le')],
    ['JSON in HTML', json.replaceAll('"', '&quot;')],
    ['JSON in HTML, in decimal', json.replaceAll('"', '&#34;')],
    ['JavaScript', `{${lines(members, ':', ',', "'")}}`],
    ['YAML', lines(members, ': ', '\n')],
    ['TOML', lines(members, ' = ', '\n', '"')],
    ['a file of variables', lines(capitals, '=', '\n')],
    ['PHP', `['${lines(members, "' => ", ", '", "'")}]`],
    [
      'XML',
      `<jwk>${Object.entries(members)
        .map(([name, value]) => `<${name}>${value}</${name}>`)
        .join('')}</jwk>`,
    ],
  ]
}

/** The ways in which an RSA modulus is written beside its exponent. */
export function notationsOfModulus(key: KeyObject): KeyForm[] {
  const { n = '', e = '' } = key.export({ format: 'jwk' })
  const bytes = Buffer.from(n, 'base64url')
  const hex = bytes.toString('hex')
  return [
    ['a JWK in base64 that is not for URLs', JSON.stringify({ n: bytes.toString('base64'), e })],
    ['hexadecimal', JSON.stringify({ n: hex, e: '10001' })],
    ['decimal', JSON.stringify({ n: BigInt(`0x${hex}`).toString(), e: 65537 })],
    ['.NET in JSON', JSON.stringify({ Modulus: bytes.toString('base64'), Exponent: 'AQAB' })],
    ['modulus and exponent', JSON.stringify({ modulus: hex, publicExponent: 65537 })],
  ]
}

/** The ways in which the coordinates of an EC key are written. */
export function notationsOfPoint(key: KeyObject): KeyForm[] {
  const { x: left = '', y: right = '' } = key.export({ format: 'jwk' })
  const [x, y] = [left, right].map(each => Buffer.from(each, 'base64url')) as [Buffer, Buffer]
  const hex = (bytes: Buffer) => bytes.toString('hex')
  return [
    ['hexadecimal in JSON', JSON.stringify({ x: hex(x), y: hex(y) })],
    ['hexadecimal after 0x', JSON.stringify({ x: `0x${hex(x)}`, y: `0x${hex(y)}` })],
    ['base64 in JSON', JSON.stringify({ x: x.toString('base64'), y: y.toString('base64') })],
    ['hexadecimal on lines', `x: ${hex(x)}\ny: ${hex(y)}`],
    ['y before x', `y: ${right}\nx: ${left}`],
    ['a pair', `(${hex(x)},${hex(y)})`],
    ['with a thumbprint between them', `x: ${left}\nkid: ${'a'.repeat(43)}\ny: ${right}`],
  ]
}
