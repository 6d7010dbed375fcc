import { createContext, runInContext } from 'node:vm'
import type * as Client from 'koa-authx/client'
import { bundleClient } from '../support/bundle.js'

let script: Promise<string> | undefined

/** A realm with a client and these globals, besides what is JavaScript's own. */
export interface Platform {
  readonly AuthXClient: typeof Client.AuthXClient
  /** The times that the client waits for now, in milliseconds. */
  readonly waitsMs: number[]
  /** Let all times be over that the client waits for now. */
  expire(): void
}

/** What platforms have that the client may use. What it needs besides are Headers, URL, timers and queueMicrotask. */
const REST = {
  AbortController,
  AbortSignal,
  BroadcastChannel,
  ReadableStream,
  Request,
  Response,
  TextDecoder,
  atob,
  Blob,
}

/** A platform that has all but what `without` names, and what `besides` adds or puts in place of it. */
export async function platform(without: readonly string[], besides: Record<string, unknown> = {}): Promise<Platform> {
  script ??= bundleClient({ format: 'iife' })
  const waiting = new Map<object, { ms: number; end(): void }>()
  const globals: Record<string, unknown> = {
    ...REST,
    Headers,
    URL,
    queueMicrotask,
    setTimeout: (end: () => void, ms: number) => {
      const timer = {}
      waiting.set(timer, { ms, end })
      return timer
    },
    clearTimeout: (timer: object) => void waiting.delete(timer),
    ...besides,
  }
  for (const name of without) delete globals[name]
  const context = createContext(globals)
  runInContext(await script, context)
  const { AuthXClient } = runInContext('koaAuthx', context)
  return {
    AuthXClient,
    get waitsMs() {
      return [...waiting.values()].map(({ ms }) => ms)
    },
    expire() {
      const ended = [...waiting.values()]
      waiting.clear()
      for (const { end } of ended) end()
    },
  }
}
