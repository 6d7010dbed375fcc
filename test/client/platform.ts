import { createContext, runInContext } from 'node:vm'
import type * as Client from 'koa-authx/client'
import { bundleClient } from '../support/bundle.js'

let script: Promise<string> | undefined

/** A realm with a client and these globals, besides what is JavaScript's own. */
export interface Platform {
  readonly AuthXClient: typeof Client.AuthXClient
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
  const waiting = new Set<() => void>()
  const globals: Record<string, unknown> = {
    ...REST,
    Headers,
    URL,
    queueMicrotask,
    setTimeout: (work: () => void) => {
      waiting.add(work)
      return work
    },
    clearTimeout: (work: () => void) => void waiting.delete(work),
    ...besides,
  }
  for (const name of without) delete globals[name]
  const context = createContext(globals)
  runInContext(await script, context)
  const { AuthXClient } = runInContext('koaAuthx', context)
  return {
    AuthXClient,
    expire() {
      const ended = [...waiting]
      waiting.clear()
      for (const end of ended) end()
    },
  }
}
