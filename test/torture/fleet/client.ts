import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Steer } from './steering.js'

/** What a client was told. */
export interface Told {
  /** 0: the connection ended without an answer. */
  readonly status: number
  /** The JSON body, or an empty object. */
  readonly body: Readonly<Record<string, unknown>>
  /** Places in the order of all that this process has sent and received. */
  readonly began: number
  readonly ended: number
}

export interface Sent {
  readonly token?: string | undefined
  readonly steer?: Steer | undefined
}

/** Longer than any answer may take; what comes later counts as no answer. */
const PATIENCE = 15_000

let moment = 0

/** Calls one server over connections that are kept. */
export class Client {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 128 })

  constructor(port: number) {
    this.#port = port
  }

  async call(method: string, path: string, { token, steer }: Sent = {}): Promise<Told> {
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(steer && { 'x-steer': JSON.stringify(steer) }),
    }
    const began = moment++
    try {
      const answer = await this.#answerTo(method, path, headers)
      const body = await text(answer)
      return { status: answer.statusCode ?? 0, body: jsonIn(answer, body), began, ended: moment++ }
    } catch {
      return { status: 0, body: {}, began, ended: moment++ }
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #answerTo(method: string, path: string, headers: Record<string, string>): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.#port, method, path, headers, agent: this.#agent }
      const outgoing = request({ ...options, timeout: PATIENCE }, resolve)
      outgoing.once('timeout', () => outgoing.destroy())
      outgoing.once('error', reject).end()
    })
  }
}

function jsonIn({ headers }: IncomingMessage, body: string): Told['body'] {
  return headers['content-type']?.startsWith('application/json') ? (JSON.parse(body) as Told['body']) : {}
}
