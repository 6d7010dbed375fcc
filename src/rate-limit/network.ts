import { isIPv4, isIPv6, SocketAddress } from 'node:net'

/** An IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2). */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/

/**
 * Returns the key by which an IP address is limited. An IPv4 address is its own key. The key of an IPv6 address is its
 * /64 network (`2001:db8:0:1::/64`), because one host can use all addresses of it (RFC 4291 §2.5.4). All spellings of
 * an address have the same key. The key of anything else is `unknown`.
 */
export function networkOf(address: string): string {
  if (isIPv4(address)) return address
  if (!isIPv6(address)) return 'unknown'
  const [withoutZone = ''] = address.split('%')
  const canonical = new SocketAddress({ address: withoutZone, family: 'ipv6' }).address
  return MAPPED.exec(canonical)?.[1] ?? `${networkPart(canonical)}::/64`
}

/** The first four of the eight groups of an IPv6 address. */
function networkPart(canonical: string): string {
  const [head = [], tail = []] = canonical.split('::').map(half => half.split(':').filter(group => group !== ''))
  const zeros = Array<string>(8 - head.length - tail.length).fill('0')
  return [...head, ...zeros, ...tail].slice(0, 4).join(':')
}
