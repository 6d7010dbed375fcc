import { createPublicKey, type KeyObject } from 'node:crypto'

/** A form of a key: how it is called, and the text or the bytes. */
export type KeyForm = readonly [what: string, form: string | Buffer]

/** A self-signed certificate of P-256 that nobody trusts, in DER, and a PKCS #7 bundle that holds it. */
export const CERTIFICATE = [
  'MIIBdDCCARugAwIBAgIUfTlmVOq0hUKh8xhX7EJEMBYdhvcwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjgx',
  'MjA5NDJaGA8yMTI2MTEwNDEyMDk0MlowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIyX2Byavrpy',
  'Vimi70ay8C5BuBoO0q8b0/O5x7cOv0GYBVMfNslAhDfiL+TbsmmviY4cMfKQVmChFhQ+/MKnTX6jUzBRMB0GA1UdDgQWBBRRDaQw',
  'DFE36blZG/Bod9qujAgkrDAfBgNVHSMEGDAWgBRRDaQwDFE36blZG/Bod9qujAgkrDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49',
  'BAMCA0cAMEQCIBIT94RgJmM2V5ueGsBwU9BAxCXcTuB6T+j+SJOad7lbAiAAqfWdI6G4en+PC5rGff4bPeojER3/TMjhutCnwEhX',
  'vA==',
].join('')
export const PEM_OF_CERTIFICATE = `-----BEGIN CERTIFICATE-----\n${CERTIFICATE.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`
export const PKCS7 = [
  'MIIBowYJKoZIhvcNAQcCoIIBlDCCAZACAQExADALBgkqhkiG9w0BBwGgggF4MIIBdDCCARugAwIBAgIUfTlmVOq0hUKh8xhX7EJE',
  'MBYdhvcwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjgxMjA5NDJaGA8yMTI2MTEwNDEyMDk0MlowDzENMAsG',
  'A1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIyX2ByavrpyVimi70ay8C5BuBoO0q8b0/O5x7cOv0GYBVMfNslA',
  'hDfiL+TbsmmviY4cMfKQVmChFhQ+/MKnTX6jUzBRMB0GA1UdDgQWBBRRDaQwDFE36blZG/Bod9qujAgkrDAfBgNVHSMEGDAWgBRR',
  'DaQwDFE36blZG/Bod9qujAgkrDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIBIT94RgJmM2V5ueGsBwU9BAxCXc',
  'TuB6T+j+SJOad7lbAiAAqfWdI6G4en+PC5rGff4bPeojER3/TMjhutCnwEhXvDEA',
].join('')

const sized = (bytes: Buffer | string) => {
  const body = Buffer.from(bytes as Buffer)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}

const integer = (base64url: string) => Buffer.concat([Buffer.alloc(1), Buffer.from(base64url, 'base64url')])

/** The public key in the binary format of OpenSSH (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4). */
export function sshBlob(key: KeyObject): { type: string; blob: Buffer } {
  const { n = '', e = '', x = '', y = '' } = createJwk(key)
  const type =
    { rsa: 'ssh-rsa', ec: 'ecdsa-sha2-nistp256', ed25519: 'ssh-ed25519' }[String(key.asymmetricKeyType)] ?? ''
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
  const parts = {
    rsa: [Buffer.from(e, 'base64url'), integer(n)],
    ec: ['nistp256', point],
    ed25519: [Buffer.from(x, 'base64url')],
  }[String(key.asymmetricKeyType)]
  return { type, blob: Buffer.concat([type, ...(parts ?? [])].map(sized)) }
}

const createJwk = (key: KeyObject) => key.export({ format: 'jwk' })

/** Each key in each form that one has it in, before anybody encodes it again. */
export function formsOfPublicKey(key: KeyObject): KeyForm[] {
  const { kty, ...members } = createJwk(key)
  const pem = key.export({ type: 'spki', format: 'pem' }) as string
  const der = key.export({ type: 'spki', format: 'der' })
  return [
    ['PEM', pem],
    ['PEM without its first and last line', pem.split('\n').slice(1, -2).join('\n')],
    ['PEM without END', pem.split('\n').slice(0, -2).join('\n')],
    ['PEM on one line', pem.replaceAll('\n', '')],
    ['PEM with literal \\n', pem.replaceAll('\n', '\\n')],
    ['PEM with its dashes gone', pem.replaceAll('-', '')],
    ['PEM in UTF-16', Buffer.from(`\ufeff${pem}`, 'utf16le')],
    ['DER', der],
    ['DER read as UTF-8', der.toString()],
    ['DER read as Latin-1', der.toString('latin1')],
    ['DER as a list of numbers', String(new Uint8Array(der))],
    ['DER as JSON writes a Buffer', JSON.stringify(der)],
    ['JWK', JSON.stringify({ kty, ...members })],
    ['JWK with its members on lines', JSON.stringify({ kty, ...members }, null, 2)],
    ['JWK without kty', JSON.stringify(members)],
    ['JWK cut short', JSON.stringify({ kty, ...members }).slice(0, -1)],
    ['JWK Set', JSON.stringify({ keys: [{ kty, ...members, kid: 'a' }] })],
    ['JWK in JSON, twice', JSON.stringify(JSON.stringify({ kty, ...members }))],
    ['JWK as a URL has it', String(new URLSearchParams({ kty: String(kty), ...(members as Record<string, string>) }))],
    ['PEM in JSON', JSON.stringify({ publicKey: pem })],
    ['base64 of DER in JSON', JSON.stringify({ realm: 'test', public_key: der.toString('base64') })],
    ['the dump of a Buffer', `<Buffer ${spaced(der, ' ').slice(0, 149)} ... 200 more bytes>`],
    ...(kty === 'RSA' ? formsOfRsaKey(key) : []),
    ...(kty === 'EC' ? pointsOf(members) : []),
    ...(['RSA', 'OKP'].includes(String(kty)) || members.crv === 'P-256' ? sshForms(key) : []),
  ]
}

export const spaced = (bytes: Buffer, between: string) => bytes.toString('hex').replace(/..(?!$)/g, `$&${between}`)

function formsOfRsaKey(key: KeyObject): KeyForm[] {
  const { n = '', e = '' } = createJwk(key)
  const modulus = Buffer.from(n, 'base64url')
  return [
    ['PKCS #1 in PEM', key.export({ type: 'pkcs1', format: 'pem' }) as string],
    ['PKCS #1 in DER', key.export({ type: 'pkcs1', format: 'der' })],
    ['the modulus as OpenSSL prints it', `Modulus=${modulus.toString('hex').toUpperCase()}`],
    ['the text of OpenSSL', `Public-Key: (2048 bit)\nModulus:\n    00:${spaced(modulus, ':')}\nExponent: 65537`],
    ['XML', `<RSAKeyValue><Modulus>${modulus.toString('base64')}</Modulus><Exponent>${e}</Exponent></RSAKeyValue>`],
    ['n and e as JavaScript writes them', `{ n: '${n}', e: '${e}' }`],
  ]
}

function pointsOf({ x = '', y = '' }: { x?: string; y?: string }): KeyForm[] {
  const coordinates = [x, y].map(each => Buffer.from(each, 'base64url'))
  return [
    ['a point', Buffer.concat([Buffer.from([4]), ...coordinates])],
    ['two coordinates', Buffer.concat(coordinates)],
  ]
}

function sshForms(key: KeyObject): KeyForm[] {
  const { type, blob } = sshBlob(key)
  const base64 = blob.toString('base64')
  const lines = base64.replace(/.{1,70}/g, '$&\n')
  return [
    ['OpenSSH', `${type} ${base64} somebody@example`],
    ['OpenSSH without a comment', `${type} ${base64}`],
    ['a line of authorized_keys', `no-pty,command="echo a" ${type} ${base64} somebody`],
    ['a file of authorized_keys', `# keys\n\n${type} ${base64} somebody\n`],
    ['OpenSSH without its type', base64],
    ['OpenSSH in bytes', blob],
    ['SSH2', `---- BEGIN SSH2 PUBLIC KEY ----\nComment: "test"\n${lines}---- END SSH2 PUBLIC KEY ----\n`],
  ]
}

export function formsOfPrivateKey(key: KeyObject): KeyForm[] {
  const encrypted = { cipher: 'aes-256-cbc', passphrase: 'TEST' } as const
  return [
    ['private PEM', key.export({ type: 'pkcs8', format: 'pem' }) as string],
    ['private DER', key.export({ type: 'pkcs8', format: 'der' })],
    ['encrypted DER', key.export({ type: 'pkcs8', format: 'der', ...encrypted })],
    ['private JWK', JSON.stringify(createJwk(key))],
    ...(key.asymmetricKeyType === 'rsa'
      ? [['private PKCS #1', key.export({ type: 'pkcs1', format: 'der' })] as const]
      : []),
    ...(key.asymmetricKeyType === 'ec' ? [['SEC 1', key.export({ type: 'sec1', format: 'der' })] as const] : []),
  ]
}

export const formsOfCertificates = (): KeyForm[] => [
  ['a certificate in DER', Buffer.from(CERTIFICATE, 'base64')],
  ['x5c', JSON.stringify([CERTIFICATE])],
  ['a certificate in PEM', `-----BEGIN CERTIFICATE-----\n${CERTIFICATE}\n-----END CERTIFICATE-----`],
  ['PKCS #7', Buffer.from(PKCS7, 'base64')],
  [
    'the key of a certificate',
    createPublicKey(`-----BEGIN CERTIFICATE-----\n${CERTIFICATE}\n-----END CERTIFICATE-----`).export({
      type: 'spki',
      format: 'der',
    }),
  ],
]
