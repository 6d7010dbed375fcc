import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import Koa from 'koa'

/** Something that the library does with one input, and what the input is. */
export interface Work {
  readonly what: string
  run(): unknown
}

/** Microseconds of CPU time, the garbage collector's included. */
export async function costOf({ run }: Work): Promise<number> {
  const before = process.cpuUsage()
  try {
    await run()
  } catch {
    // Refused; that is what most inputs are here for.
  }
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** Microseconds after which a work is not measured once more. */
const ENOUGH = 300_000

/** The least of several times: what else the process does meanwhile is not the input's doing. */
export async function leastCostOf(work: Work, times: number): Promise<number> {
  const costs: number[] = []
  const spent = () => costs.reduce((sum, cost) => sum + cost, 0)
  while (costs.length < times && spent() < ENOUGH) costs.push(await costOf(work))
  return Math.min(...costs)
}

/** The most expensive work that it has been shown. */
export class Costliest {
  readonly #kept: number
  #found: { readonly work: Work; readonly cost: number }[] = []

  constructor(kept: number) {
    this.#kept = kept
  }

  async show(work: Work): Promise<void> {
    const cost = await costOf(work)
    if (this.#found.length >= this.#kept && cost <= (this.#found.at(-1)?.cost ?? 0)) return
    this.#found.push({ work, cost })
    this.#found = this.#found.sort((a, b) => b.cost - a.cost).slice(0, this.#kept)
  }

  /** Each measured again; the costliest first. */
  async again(times: number): Promise<readonly { readonly work: Work; readonly cost: number }[]> {
    const measured = []
    for (const { work } of this.#found) measured.push({ work, cost: await leastCostOf(work, times) })
    return measured.sort((a, b) => b.cost - a.cost)
  }
}

const app = new Koa()

/** A context of Koa's for a request that no socket has brought. */
export function contextOf(method: string, url: string, headers: Readonly<Record<string, string>>): Koa.Context {
  const request = new IncomingMessage(new Socket())
  Object.assign(request, { method, url, headers, rawHeaders: Object.entries(headers).flat() })
  return app.createContext(request, new ServerResponse(request))
}
