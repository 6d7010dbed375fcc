import type { TcpProxy } from '../../support/tcp-proxy.js'
import type { Fault } from './endure.js'

/** What networks do to the connections that lead through `proxy`. */
export function onTheWay(proxy: TcpProxy): Fault[] {
  const { heal: end } = proxy
  return [
    // A second later the store has found out.
    { name: 'half-open connections', begin: proxy.blackhole, end, partial: true },
    { name: 'partition', begin: proxy.isolate, end },
    { name: 'replies lost', begin: proxy.swallowReplies, end },
    // So late that no time in which a busy machine lets the server stand makes them timely.
    { name: 'replies late', begin: () => proxy.delayReplies(2000), end },
    { name: 'connections reset', ...again(proxy.cut, 30), partial: true },
  ]
}

/** What is done every so many milliseconds while the fault lasts. */
export function again(work: () => unknown, milliseconds: number): Pick<Fault, 'begin' | 'end'> {
  let timer: NodeJS.Timeout | undefined
  return {
    begin: () => {
      timer = setInterval(work, milliseconds)
    },
    end: () => clearInterval(timer),
  }
}
