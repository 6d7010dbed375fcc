import assert from 'node:assert/strict'
import { isIPv6 } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { networkOf } from '../../src/index.js'

const TABLE: readonly [address: string, network: string][] = [
  ['192.0.2.1', '192.0.2.1'],
  ['0.0.0.0', '0.0.0.0'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:C000:0201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['1::4:5:6:7:8', '1:0:0:4::/64'],
  ['1:2:3::', '1:2:3:0::/64'],
  ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
  ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['::ffff:0:192.0.2.1', '0:0:0:0::/64'],
  ['::192.0.2.1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  [`fe80::1%${'0:.'.repeat(10_000)}`, 'fe80:0:0:0::/64'],
]

const NO_ADDRESS = [
  '',
  ' ',
  'unknown',
  'localhost',
  '_hidden',
  '192.0.2.1:80',
  ' 192.0.2.1',
  '192.0.2.1\n',
  '192.0.2',
  '192.0.2.01',
  '192.0.2.256',
  '0xc0.0.2.1',
  '3221225985',
  '[2001:db8::1]',
  '[2001:db8::1]:80',
  '2001:db8::1/64',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1::2::3',
  '12345::',
  ':::',
  '::ffff:192.0.2',
  '١٩٢.0.2.1',
  '\0',
  ':'.repeat(100_000),
  '%'.repeat(100_000),
]

const group = fc.integer({ min: 0, max: 0xffff })
const groups = (length: number) => fc.array(group, { minLength: length, maxLength: length })
/** With many zeros, for `::` to stand for. */
const sparse = fc.array(fc.oneof(fc.constant(0), group), { minLength: 8, maxLength: 8 })
const isMapped = (address: readonly number[]) => address.slice(0, 5).every(each => each === 0) && address[5] === 0xffff
const plain = (address: readonly number[]) => address.map(each => each.toString(16)).join(':')

/** Some way to write an address: leading zeros, capitals, `::` for one run of zeros, a dotted end, a zone. */
function spelling(address: readonly number[]): fc.Arbitrary<string> {
  const choices = fc.record({
    padded: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    capitals: fc.boolean(),
    run: fc.tuple(fc.nat(7), fc.nat(7)),
    dotted: fc.boolean(),
    zone: fc.constantFrom('', '%eth0', '%1:2::3', '%192.0.2.1'),
  })
  return choices.map(({ padded, capitals, run: [from, length], dotted, zone }) => {
    const parts = address.map((each, n) => each.toString(16).padStart(padded[n] ? 4 : 1, '0'))
    const bytes = address.slice(6).flatMap(each => [each >> 8, each & 0xff])
    if (dotted) parts.splice(6, 2, bytes.join('.'))
    const to = Math.min(from + length + 1, dotted ? 6 : 8)
    const hasRun = from < to && address.slice(from, to).every(each => each === 0)
    const text = hasRun ? `${parts.slice(0, from).join(':')}::${parts.slice(to).join(':')}` : parts.join(':')
    return (capitals ? text.toUpperCase() : text) + zone
  })
}

describe('the network of an address', () => {
  for (const [address, network] of TABLE) {
    test(`of ${address.slice(0, 30)} is ${network}`, () => assert.equal(networkOf(address), network))
  }

  test('is one and the same for whatever is no address', () => {
    for (const text of NO_ADDRESS) assert.equal(networkOf(text), 'unknown', JSON.stringify(text.slice(0, 30)))
    fc.assert(fc.property(fc.string(), text => /^(unknown|[\d.]+|[\da-f:]+::\/64)$/.test(networkOf(text))))
  })

  test('is one for two spellings of an IPv6 address', () => {
    const spelt = sparse.chain(address => fc.tuple(spelling(address), spelling(address)))
    const property = fc.property(spelt, ([one, other]) => {
      assert.ok(isIPv6(one), one)
      assert.equal(networkOf(one), networkOf(other))
    })
    fc.assert(property, { numRuns: 2000 })
  })

  test('is one for two addresses with the same first 64 bits, and another for others', () => {
    const two = fc.tuple(
      groups(4),
      groups(4),
      sparse.map(address => address.slice(0, 4)),
    )
    const property = fc.property(two, groups(4), ([tail, otherTail, head], otherHead) => {
      const [one, same, other] = [
        [...head, ...tail],
        [...head, ...otherTail],
        [...otherHead, ...tail],
      ]
      fc.pre(![one, same, other].some(isMapped))
      assert.equal(networkOf(plain(one)), networkOf(plain(same)))
      if (plain(head) !== plain(otherHead)) assert.notEqual(networkOf(plain(one)), networkOf(plain(other)))
    })
    fc.assert(property, { numRuns: 2000 })
  })

  test('differs in each of the first 64 bits, and in none of the others', () => {
    const base = [0x2001, 0xdb8, 0, 1, 0, 0, 0, 1]
    for (let bit = 0; bit < 128; bit++) {
      const turned = base.map((each, n) => (n === bit >> 4 ? each ^ (1 << (bit & 15)) : each))
      assert.equal(networkOf(plain(turned)) === networkOf(plain(base)), bit >= 64, `bit ${bit}`)
    }
  })

  test('of an IPv4 address is that address, in its IPv6 form too, and no other’s', () => {
    const property = fc.property(fc.ipV4(), fc.ipV4(), (one, other) => {
      const bytes = one.split('.').map(Number)
      const mapped = [0, 0, 0, 0, 0, 0xffff, ...[0, 2].map(n => (bytes[n] as number) * 256 + (bytes[n + 1] as number))]
      assert.equal(networkOf(one), one)
      assert.equal(networkOf(`::ffff:${one}`), one)
      assert.equal(networkOf(plain(mapped)), one)
      if (one !== other) assert.notEqual(networkOf(one), networkOf(other))
    })
    fc.assert(property)
  })
})
