import { isIPv4, isIPv6, SocketAddress } from 'node:net'

/** An IPv4 address in the form that IPv6 has for it (RFC 4291 §2.5.5.2). */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/

/**
 * What an IP address counts as where it is limited: an IPv4 address as itself, an IPv6 address as its /64 network
 * (`2001:db8:0:1::/64`), since whoever has one address of it has them all (RFC 4291 §2.5.4). However the address is
 * spelt, the answer is one. What is no IP address is `unknown`.
 */
export function networkOf(address: string): string {
  if (isIPv4(address)) return address
  if (!isIPv6(address)) return 'unknown'
  const [withoutZone = ''] = address.split('%')
  const canonical = new SocketAddress({ address: withoutZone, family: 'ipv6' }).address
  return MAPPED.exec(canonical)?.[1] ?? `${networkPart(canonical)}::/64`
}

/** The first four of the eight groups. */
function networkPart(canonical: string): string {
  const [head = [], tail = []] = canonical.split('::').map(half => half.split(':').filter(group => group !== ''))
  const zeros = Array<string>(8 - head.length - tail.length).fill('0')
  return [...head, ...zeros, ...tail].slice(0, 4).join(':')
}
