import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ApiOptions } from './api-server.js'

const program = fileURLToPath(new URL('./api-server.ts', import.meta.url))

/** The header that says how many milliseconds an answer took, in time in which the server could go on. */
export const TOOK = 'x-took'

export interface Answer {
  status: number
  /** The JSON body, or an empty object. */
  body: Record<string, unknown>
  headers: Headers
  /** Milliseconds that the server took. Time in which it could not go on, because the machine was busy, does not count. */
  took: number
}

/** A server process of an API that can be called. */
export interface Api {
  call(method: string, path: string, token?: unknown): Promise<Answer>
  pid: number
  stop(): void
}

export async function startApi(options: ApiOptions): Promise<Api> {
  const child = fork(program, [JSON.stringify(options)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const [port] = await Promise.race([once(child, 'message'), ended(child)])
  return {
    call: callerOf(`http://127.0.0.1:${port}`),
    pid: child.pid as number,
    stop: () => void child.kill('SIGKILL'),
  }
}

export async function startApis(count: number, options: ApiOptions): Promise<Api[]> {
  return Promise.all(Array.from({ length: count }, () => startApi(options)))
}

async function ended(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit')
  throw new Error(`a server process ended with code ${code}`)
}

export function callerOf(base: string): Api['call'] {
  return async (method, path, token) => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const response = await fetch(`${base}${path}`, { method, headers })
    const text = await response.text()
    const json = response.headers.get('content-type')?.includes('json')
    const body = json ? (JSON.parse(text) as Answer['body']) : {}
    const took = Number(response.headers.get(TOOK) ?? Number.NaN)
    return { status: response.status, body, headers: response.headers, took }
  }
}
