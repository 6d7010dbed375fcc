import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { pinned } from './pinned.js'

const SCRIPT = fileURLToPath(new URL('./load.lua', import.meta.url))

/** A late answer is slow, not lost: another program may have had the machine. */
const PATIENCE = '30s'

/** What is sent to both sides of a case. */
export interface Load {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly connections: number
  /**
   * `same`: one request again and again, with the headers made of a token. Else bearer tokens: in turn (`ring`), each
   * `once`, or in a `chain`, where each answer holds the next.
   */
  readonly use: 'same' | 'ring' | 'once' | 'chain'
}

/** What came of it. */
export interface Run {
  readonly requests: number
  readonly microseconds: number
  /** Answers with a status of 400 or more. */
  readonly refused: number
  /** Requests without an answer. */
  readonly lost: number
  /** Answers of a chain that held no token. */
  readonly broken: number
  /** 1 if there were too few tokens for requests that use one up. */
  readonly ranOut: 0 | 1
  /** Of the latencies, in microseconds. */
  readonly median: number
}

/** Let wrk send requests for so many seconds. `file`: the tokens, where each request carries another. */
export async function runLoad(
  origin: string,
  { method, path, connections, use }: Load,
  headers: Readonly<Record<string, string>>,
  file: string,
  seconds: number,
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
