/** PEM labels (RFC 7468, OpenSSL) of documents that can contain a key. */
const LABELS = {
  public: ['PUBLIC KEY', 'RSA PUBLIC KEY', 'CERTIFICATE'],
  private: ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY'],
}

/** The first byte of a key or certificate in DER: a SEQUENCE (X.690 §8.9). */
export const SEQUENCE = 0x30

const BLOCK = /-----BEGIN ?([A-Z0-9 ]+?)-----(.*?)-----END ?\1-----/gs

/** Returns the PEM document or the DER in `bytes`, which may be base64. `undefined` if there is neither. */
export function documentIn(bytes: Buffer): string | Buffer | undefined {
  const text = textOf(bytes)
  if (text.includes('-----BEGIN')) return text
  if (!isBase64(text)) return bytes[0] === SEQUENCE ? bytes : undefined
  const decoded = Buffer.from(squeezed(text), 'base64')
  if (decoded[0] === SEQUENCE) return decoded
  return textOf(decoded).includes('-----BEGIN') ? textOf(decoded) : undefined
}

/**
 * Returns the PEM documents to try for a key, in this order. For text: the text itself, then the text with new line
 * breaks, in case they are missing or written as `\n`. For DER: a document with each possible label. Only white space,
 * quotes and escapes are removed from text. They are never part of base64.
 */
export const pemsOf = (document: string | Buffer, kind: 'public' | 'private'): string[] =>
  typeof document === 'string'
    ? [document, repaired(document)]
    : LABELS[kind].map(label => block(label, document.toString('base64')))

/** Decodes UTF-8 or UTF-16 and removes a byte order mark. */
export function textOf(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.toString('utf16le').slice(1)
  const swapped = bytes[0] === 0xfe && bytes[1] === 0xff && bytes.length % 2 === 0
  if (swapped) return Buffer.from(bytes).swap16().toString('utf16le').slice(1)
  return bytes.toString('utf8').replace(/^\ufeff/, '')
}

/** The number of public keys and certificates in a document. */
export const countPublic = (document: string | Buffer): number =>
  typeof document === 'string' ? [...document.matchAll(PUBLIC)].length : 1

const PUBLIC = /-----BEGIN ?(?:[A-Z0-9 ]*PUBLIC ?KEY|(?:X509 |TRUSTED )?CERTIFICATE)-----/g

const squeezed = (text: string) => text.replace(/\\+[rn]|[\s"'\\]/g, '')

const isBase64 = (text: string) => /^[\w+/-]+=*$/.test(squeezed(text))

function repaired(text: string): string {
  const blocks = [...text.replace(/\\+r|\\+n/g, '\n').matchAll(BLOCK)]
  return blocks
    .map(([whole, label = '', body = '']) => (body.includes(':') ? whole : block(spaced(label), body)))
    .join('')
}

const block = (label: string, base64: string) =>
  `-----BEGIN ${label}-----\n${squeezed(base64).replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`

/** Adds the spaces that a label has lost, together with the line breaks of its document. */
const spaced = (label: string) => label.replace(/(RSA|EC|ENCRYPTED|PUBLIC|PRIVATE)(?=[A-Z])/g, '$1 ')

/**
 * Returns why `bytes` cannot be read as a private or public key: the end of the message "<option> ...", without key
 * material.
 */
export function whyNoPem(bytes: Buffer, kind: 'public' | 'private'): string {
  const text = textOf(bytes)
  if (bytes.length === 0) return `is empty; give a ${kind} key in PEM form`
  const decoded = isBase64(text) ? textOf(Buffer.from(squeezed(text), 'base64')) : ''
  const document = [text, decoded].find(each => each.includes('-----BEGIN'))
  if (document?.includes('-----BEGIN%20')) return 'is a percent-encoded PEM document; give decodeURIComponent(text)'
  if (document !== undefined) return whyNotThisPem(document, kind)
  if (/^[\s"']*(?:ssh-|ecdsa-sha2-|sk-|---- BEGIN SSH2)/.test(text)) {
    return 'is in the format of OpenSSH; convert it: ssh-keygen -e -m PKCS8 -f <file>'
  }
  if (/^\s*["'].*\bkty\b/s.test(text))
    return 'is a JWK in quotes; give the JSON alone, without quotes and backslashes around it'
  if (isHex(text)) return "is in hexadecimal; give the bytes, Buffer.from(text, 'hex'), or the text of the PEM file"
  if (looksLikePath(text)) return `looks like a path; ${TEXT_OF_FILE}`
  if (text.length >= LONG && decoded !== '') {
    return `is not a ${kind} key, neither in PEM form nor as base64; give the text of the PEM file`
  }
  return `is not a ${kind} key in PEM form; ${TEXT_OF_FILE}`
}

const isHex = (text: string) => text.length >= LONG && /^(?:[\da-f]{2}[\s:]*)+$/i.test(text)

/** The minimum length of a key, in characters. A shorter text is not a key. */
const LONG = 40

const TEXT_OF_FILE = "give the text of the file, readFileSync(path, 'utf8'), and not its path"

const looksLikePath = (text: string) =>
  /^["']?(?:file:|~?\/|\.{1,2}[\\/]|[A-Za-z]:[\\/])\S*\s*$|^\S+\.(?:pem|key|pub|crt|cer|der|p8|p12|pfx|json)["']?\s*$/i.test(
    text,
  )

function whyNotThisPem(text: string, kind: 'public' | 'private'): string {
  if (text.includes('ENCRYPTED')) {
    return 'is encrypted with a passphrase; decrypt it, or give a KeyObject: createPrivateKey({ key, passphrase })'
  }
  if (text.includes('OPENSSH PRIVATE')) {
    return 'is in the format of OpenSSH; convert a copy of the file: ssh-keygen -p -m PKCS8 -f <copy>'
  }
  if (kind === 'private' && /PUBLIC ?KEY-----|CERTIFICATE-----/.test(text))
    return 'is a public key; give the private one'
  if (!/-----END/.test(text)) return 'begins like a PEM document but has no END line; give the whole text of the file'
  const seen = [
    [/\\+n/, 'its line breaks are written as literal \\n'],
    [/%0a/i, 'its line breaks are written as %0A'],
    [/\\+u000a/i, 'its line breaks are written as \\u000a'],
    [/^\s*["']/, 'it is in quotes'],
    [/^[^\n]*$/, 'it is on one line'],
  ] as const
  const notes = seen.filter(([pattern]) => pattern.test(text.trim())).map(([, note]) => note)
  const also = notes.length > 0 ? ` (${notes.join('; ')})` : ''
  return `is a PEM document that contains no readable ${kind} key${also}; give the text of the file as it is`
}
