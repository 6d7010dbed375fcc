import { connect, type Socket } from 'node:net'
import type { SentRequest } from './place-rules.js'

export interface RawAnswer {
  /** 0: the connection was closed without one. */
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** The request, byte for byte as it goes out. */
export function bytesOf({ method, target, lines, body, inChunks }: SentRequest): Buffer {
  const frame = inChunks ? 'Transfer-Encoding: chunked' : `Content-Length: ${body?.length}`
  const framed = body === undefined ? lines : [...lines, frame]
  const head = [`${method} ${target} HTTP/1.1`, 'Host: 127.0.0.1', ...framed, '', ''].join('\r\n')
  const sent = body && inChunks ? chunksOf(body) : (body ?? Buffer.alloc(0))
  return Buffer.concat([Buffer.from(head, 'latin1'), sent])
}

/** In two chunks, the first of one byte (RFC 9112 §7.1). */
function chunksOf(body: Buffer): Buffer {
  const chunks = [body.subarray(0, 1), body.subarray(1)].filter(({ length }) => length > 0)
  const framed = chunks.flatMap(chunk => [Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')])
  return Buffer.concat([...framed, Buffer.from('0\r\n\r\n')])
}

interface Waiting {
  readonly method: string
  readonly resolve: (answer: RawAnswer) => void
}

const NO_ANSWER: RawAnswer = { status: 0, headers: [], body: '' }
const PATIENCE = 10_000

/** Sends requests over one connection and on, opening another when the server has closed it. Nothing is tidied up. */
export class RawClient {
  readonly #port: number
  #socket: Socket | undefined
  #received: Buffer = Buffer.alloc(0)
  #waiting: Waiting[] = []

  constructor(port: number) {
    this.#port = port
  }

  send(request: SentRequest): Promise<RawAnswer> {
    return this.sendBytes(bytesOf(request), request.method)
  }

  /** All at once; the answers come in the same order. */
  sendAll(requests: readonly SentRequest[]): Promise<RawAnswer[]> {
    return Promise.all(requests.map(request => this.send(request)))
  }

  sendBytes(bytes: Buffer, method: string): Promise<RawAnswer> {
    this.#socket ??= this.#open()
    this.#socket.write(bytes)
    return new Promise(resolve => this.#waiting.push({ method, resolve }))
  }

  /** The bytes, and then nothing more: what is not a whole request is ended by it. */
  async sendOnce(bytes: Buffer, method: string): Promise<RawAnswer> {
    this.close()
    const answer = this.sendBytes(bytes, method)
    this.#socket?.end()
    const whole = await answer
    this.close()
    return whole
  }

  close(): void {
    this.#socket?.destroy()
    this.#ended()
  }

  #open(): Socket {
    const socket = connect(this.#port, '127.0.0.1')
    socket.setNoDelay(true)
    socket.setTimeout(PATIENCE, () => socket.destroy())
    socket.on('error', () => {})
    socket.on('data', data => {
      this.#received = Buffer.concat([this.#received, data])
      this.#read(false)
    })
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#read(true)
      this.#ended()
    })
    return socket
  }

  #ended(): void {
    const waiting = this.#waiting
    this.#socket = undefined
    this.#received = Buffer.alloc(0)
    this.#waiting = []
    for (const { resolve } of waiting) resolve(NO_ANSWER)
  }

  #read(closed: boolean): void {
    for (let [next] = this.#waiting; next; [next] = this.#waiting) {
      const taken = takeAnswer(this.#received, next.method, closed)
      if (!taken) return
      this.#received = this.#received.subarray(taken.length)
      if (taken.answer.status < 200) continue
      this.#waiting.shift()
      next.resolve(taken.answer)
      // Node says so before it does so: what is sent meanwhile is lost.
      if (headerOf(taken.answer.headers, 'connection') === 'close') this.close()
    }
  }
}

/** The first answer in what was received, and how long it is; `undefined` if it is not there yet. */
function takeAnswer(bytes: Buffer, method: string, closed: boolean): { answer: RawAnswer; length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const headers = lines.map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const)
  const status = Number(first.split(' ')[1])
  const start = end + 4
  const length = lengthOf(bytes, start, headers, status < 200 || status === 204 || status === 304 || method === 'HEAD')
  if (length === undefined && !closed) return undefined
  const [body, stop] = length ?? [bytes.toString('utf8', start), bytes.length]
  return { answer: { status, headers, body }, length: stop }
}

type Headers = RawAnswer['headers']

const headerOf = (headers: Headers, name: string) => headers.find(([each]) => each.toLowerCase() === name)?.[1]

/** The body that begins at `start` and the place where it ends. */
function lengthOf(bytes: Buffer, start: number, headers: Headers, empty: boolean): [string, number] | undefined {
  if (empty) return ['', start]
  if (headerOf(headers, 'transfer-encoding') === 'chunked') return chunked(bytes, start)
  const length = headerOf(headers, 'content-length')
  if (length === undefined || bytes.length < start + Number(length)) return undefined
  return [bytes.toString('utf8', start, start + Number(length)), start + Number(length)]
}

function chunked(bytes: Buffer, start: number): [string, number] | undefined {
  const chunks: Buffer[] = []
  for (let at = start; ; ) {
    const line = bytes.indexOf('\r\n', at)
    if (line < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16)
    const next = line + 2 + size + 2
    if (bytes.length < next) return undefined
    if (size === 0) return [Buffer.concat(chunks).toString(), next]
    chunks.push(bytes.subarray(line + 2, line + 2 + size))
    at = next
  }
}
