/** One server process: `node serve.js authx/redis '{"redisUrl":...}'`. Says its port, then answers orders. */
import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import type { AddressInfo } from 'node:net'
import type { Answer, AnswerTo, Order, StartVariant, Usage, Variant } from './protocol.js'

const MUCH = 1000

const [name = '', settings = ''] = process.argv.slice(2)
const [file, start = ''] = name.split('/')
const variants = (await import(`./${file}.js`)) as Record<string, StartVariant>
const variant = await (variants[start] as StartVariant)(JSON.parse(settings))
let requests = 0
let profiler = new Session()

global.gc?.()
if (!variant.server.listening) await once(variant.server, 'listening')
subscribe('http.server.response.finish', () => {
  requests++
})
process.on('message', async order => say(await answer(order as Order, variant)))
process.on('disconnect', () => process.exit())
say({ value: (variant.server.address() as AddressInfo).port })

function say(answer: Answer): void {
  process.send?.(answer)
}

async function answer(order: Order, variant: Variant): Promise<Answer> {
  try {
    return { value: (await carryOut(order, variant)) ?? 0 }
  } catch (error) {
    return { error: error instanceof Error ? String(error.stack) : String(error) }
  }
}

// biome-ignore lint/suspicious/noConfusingVoidType: most orders are answered with nothing but that they are done
async function carryOut(order: Order, variant: Variant): Promise<AnswerTo<Order> | void> {
  if (order.do === 'tokens') return writeTokens(order, variant)
  if (order.do === 'memory') return usedMemory()
  if (order.do === 'usage') return usage()
  if (order.do === 'startProfile') return startProfile()
  return stopProfile(order.file)
}

async function writeTokens({ count, kind, file }: Extract<Order, { do: 'tokens' }>, variant: Variant): Promise<number> {
  const tokens = (await variant.tokens?.(count, kind)) ?? []
  writeFileSync(file, tokens.map(token => `${token}\n`).join(''))
  // What was made here is not to be collected while the server is measured. Little of it is not worth the work that a
  // collection of a large heap leaves behind for the requests that follow.
  if (count > MUCH) global.gc?.()
  return tokens.length
}

function usedMemory(): number {
  global.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function usage(): Usage {
  const { user, system } = process.cpuUsage()
  return { cpu: user + system, requests }
}

async function startProfile(): Promise<void> {
  profiler = new Session()
  profiler.connect()
  await profiler.post('Profiler.enable')
  await profiler.post('Profiler.setSamplingInterval', { interval: 200 })
  await profiler.post('Profiler.start')
}

async function stopProfile(file: string): Promise<void> {
  const { profile } = await profiler.post('Profiler.stop')
  profiler.disconnect()
  writeFileSync(file, JSON.stringify(profile))
}
