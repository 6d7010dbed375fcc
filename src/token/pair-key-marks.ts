/** OIDs in DER (RFC 5280 §4.1.1.2, §4.1.2.7), in hexadecimal. Each names the type of a key or of its container. */
const OIDS = [
  '06092a864886f70d010101', // RSA
  '06092a864886f70d01010a', // RSASSA-PSS
  '06092a864886f70d010107', // RSAES-OAEP
  '06072a8648ce3d0201', // EC
  '06082a8648ce3d030107', // P-256
  '06052b81040022', // P-384
  '06052b81040023', // P-521
  '06052b8104000a', // secp256k1
  '06072a8648ce380401', // DSA
  '06092a864886f70d010301', // Diffie-Hellman
  '06092a864886f70d010702', // PKCS #7
  '06092a864886f70d01050d', // an encrypted private key (PBES2)
  '300506032b656e', // X25519
  '300506032b656f', // X448
  '300506032b6570', // Ed25519
  '300506032b6571', // Ed448
  '300b06096086480165030403', // ML-DSA, SLH-DSA: the last byte is their size
  '300b06096086480165030404', // ML-KEM
]

/**
 * The first bytes of RSA keys of the usual lengths without an OID (RFC 8017 A.1), in hexadecimal: public keys, then
 * private keys from the field `version` on.
 */
const PKCS1 = [
  '30818902818100',
  '3082010a0282010100',
  '3082018a0282018100',
  '3082020a0282020100',
  '0201000282010100',
  '0201000282018100',
  '0201000282020100',
]

/**
 * The first bytes of keys in OpenSSH's binary format: the length of the type's name in four bytes, then the name (RFC
 * 4253 §6.6).
 */
const SSH = [
  '\0\0\0\x07ssh-rsa',
  '\0\0\0\x07ssh-dss',
  '\0\0\0\x0bssh-ed25519',
  '\0\0\0\x09ssh-ed448',
  'ecdsa-sha2-nistp',
  '-cert-v01@openssh.com',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'openssh-key-v1\0',
]

/** Bytes that show that the data around them is a key or a container of keys. */
const MARKS = [
  ...[...OIDS, ...PKCS1].map(hex => Buffer.from(hex, 'hex')),
  ...SSH.map(text => Buffer.from(text, 'latin1')),
]

/** Each of `MARKS`, and the same mark after its bytes were wrongly decoded as UTF-8 or Latin-1. */
const BINARY = MARKS.flatMap(mark => [mark, Buffer.from(mark.toString('utf8')), Buffer.from(mark.toString('latin1'))])

/**
 * Each of `MARKS` in base64, for its three possible positions in a group of three bytes. Letters that also encode bits
 * of the bytes before or after the mark are left out.
 */
const BASE64 = MARKS.flatMap(mark =>
  [0, 1, 2].map(before => {
    const bits = (before + mark.length) * 8
    const text = Buffer.concat([Buffer.alloc(before), mark]).toString('base64')
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(bits / 6))
  }),
)

const HEX = MARKS.map(mark => mark.toString('hex'))

/** Whether bytes contain the mark of a key or of a container of keys. Marks are too long to appear in random bytes. */
export const hasMark = (bytes: Buffer): boolean => BINARY.some(mark => bytes.includes(mark))

/** Whether a text without white space contains a mark in base64, base64url or hexadecimal. */
export function hasMarkInText(text: string): boolean {
  const base64 = text.replaceAll('-', '+').replaceAll('_', '/')
  const hex = text.toLowerCase()
  return BASE64.some(mark => base64.includes(mark)) || HEX.some(mark => hex.includes(mark))
}
