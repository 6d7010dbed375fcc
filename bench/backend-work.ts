import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tcpProxy } from '../test/support/tcp-proxy.js'
import { type Backends, KINDS, type Kind, NAMES, WARM_UP } from './backends.js'
import { median } from './figures.js'
import { Bench, CONNECTIONS } from './measure.js'
import type { Row } from './row.js'
import { rowNamed } from './rows/index.js'
import { ServerProcess } from './server-process.js'

/** What a backend does for one request. */
export interface BackendWork {
  readonly store: string
  readonly request: string
  /** CPU time of all processes of the backend, microseconds. */
  readonly cpu: number
  /** What it receives and sends, bytes; undefined if the backend does not count it. */
  readonly traffic: number | undefined
  /** What it writes to its log for a crash or a replica, bytes; undefined if there is none. */
  readonly log: number | undefined
  /** How often the answer waits for the backend, one time after another. */
  readonly roundTrips: number
}

/** What a backend has done since it was started. */
interface Used {
  readonly cpu: number
  readonly traffic?: number
  readonly log?: number
}

/** A guarded request, a login, a refresh and a logout, as in the rows. */
export async function backendWork(seconds: number, backends: Backends): Promise<BackendWork[]> {
  const works: BackendWork[] = []
  for (const kind of KINDS) {
    const store = NAMES[kind]
    for (const [request, name] of [
      ['guarded request', store],
      ['login', `login, ${store}`],
      ['refresh', `refresh, ${store}`],
      ['logout', `logout, ${store}`],
    ] as const) {
      const row = rowNamed(name)
      const perRequest = await workFor(row, kind, seconds, backends)
      works.push({ store, request, ...perRequest, roundTrips: await roundTripsOf(row, kind, backends) })
    }
  }
  return works
}

async function workFor(row: Row, kind: Kind, seconds: number, backends: Backends) {
  const bench = new Bench(backends)
  try {
    await bench.loadBoth(row, WARM_UP)
    return await workIn(bench, row, kind, seconds, backends)
  } finally {
    await bench.stop()
  }
}

/** What the backend does for each request of a row. */
export async function workIn(bench: Bench, row: Row, kind: Kind, seconds: number, backends: Backends) {
  return bench.prepared(row, { connections: CONNECTIONS, seconds }, async prepared => {
    const before = await USED[kind](backends)
    const load = await bench.load(prepared)
    const after = await USED[kind](backends)
    if (!load) return undefined
    const share = (part: keyof Used) => ((after[part] ?? Number.NaN) - (before[part] ?? Number.NaN)) / load.requests
    const [traffic, log] = [share('traffic'), share('log')]
    return { cpu: share('cpu'), traffic: traffic || undefined, log: log || undefined }
  })
}

const USED = {
  async redis({ redis }: Backends): Promise<Used> {
    const stats = await redis.command('INFO', 'stats')
    const bytes = (name: string) => Number(new RegExp(`${name}:(\\d+)`).exec(stats)?.[1])
    const traffic = bytes('total_net_input_bytes') + bytes('total_net_output_bytes')
    return { cpu: cpuOf([redis.pid]), traffic }
  },
  async postgres({ postgres }: Backends): Promise<Used> {
    const [row] = await postgres.query("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS bytes")
    return { cpu: cpuOf(postgres.pids()), log: Number(row?.bytes) }
  },
}

/** Linux counts the time of processes in ticks of 10 ms. Of processes that have ended, their parent has the time. */
function cpuOf(pids: readonly number[]): number {
  const ticks = pids.flatMap(pid => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')
      return fields.slice(11, 15).map(Number)
    } catch {
      // It has ended since: its parent has the time.
      return []
    }
  })
  return ticks.reduce((sum, each) => sum + each, 0) * 10_000
}

/** How much later each reply comes: much more than the request takes by itself. */
const DELAY_MS = 200
const REQUESTS = 5

/** Sends requests one after another, through a network in which each reply of the backend is late. */
async function roundTripsOf(row: Row, kind: Kind, backends: Backends): Promise<number> {
  const proxy = await tcpProxy(backends[kind].port)
  const url = backends[kind].url.replace(String(backends[kind].port), String(proxy.port))
  const far = { ...backends, [kind]: { url } } as Backends
  const server = await ServerProcess.start(row.server, far)
  try {
    const file = join(server.folder, 'tokens')
    await server.ask({ do: 'tokens', count: REQUESTS + 1, kind: row.request.tokens, file })
    const tokens = readFileSync(file, 'utf8').trim().split('\n')
    const send = async (token = '') => {
      const began = performance.now()
      const { method, path, headers } = row.request
      await fetch(`${server.origin}${path}`, { method, headers: headers(token) }).then(response => response.text())
      return performance.now() - began
    }
    // The first request opens connections.
    await send(tokens[0])
    proxy.delayReplies(DELAY_MS)
    const times: number[] = []
    for (const token of tokens.slice(1)) times.push(await send(token))
    return Math.round(median(times) / DELAY_MS)
  } finally {
    await server.stop()
    proxy.close()
  }
}
