import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { pinned } from './pinned.js'
import type { RowRequest } from './row.js'

const SCRIPT = fileURLToPath(new URL('./load.lua', import.meta.url))

/** A late answer is slow, not lost: another program may have had the machine. */
const PATIENCE = '30s'

/** What wrk counted. */
export interface Run {
  readonly requests: number
  readonly microseconds: number
  /** Responses with a status of 400 or more. */
  readonly refused: number
  /** Requests without a response. */
  readonly lost: number
  /** 1 if there were too few tokens for requests that use one up. */
  readonly ranOut: 0 | 1
  /** Latencies, in microseconds. */
  readonly p50: number
  readonly p99: number
}

/** How much wrk sends. */
export interface Amount {
  readonly connections: number
  readonly seconds: number
}

/** Lets wrk send requests. `file`: the tokens, one in a line, if requests carry different ones. */
export async function runLoad(
  origin: string,
  { method, path, use }: RowRequest,
  headers: Readonly<Record<string, string>>,
  file: string,
  { connections, seconds }: Amount,
): Promise<Run> {
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', PATIENCE, '-s', SCRIPT, ...fields]
  const output = await outputOf('wrk', [...options, `${origin}${path}`, '--', method, use, file])
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Run
}

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(...pinned('others', command, args), { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    output += text
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${output}`)
  return output
}
