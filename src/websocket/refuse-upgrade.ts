import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Duplex } from 'node:stream'
import { AuthXError, type ErrorHeaders } from '../errors.js'
import { publicMessage } from '../koa/middleware.js'

/** Milliseconds that a peer has to take its answer and hang up. */
const PATIENCE = 1000

/** What an error's own headers cannot say: they would change where the response ends. */
const OURS = new Set(['connection', 'content-length', 'content-type', 'date', 'transfer-encoding'])

/**
 * Answer a request for an upgrade that is refused, as `middleware()` answers others: with the status, the headers and
 * the JSON of an AuthXError, or with 500 that shows nothing of anything else. Then the socket is closed, within a second
 * also if the peer does not take the answer.
 * @param socket what the server's event `upgrade` gives; one that has been closed meanwhile will do.
 */
export function refuseUpgrade(socket: Duplex, error: unknown): void {
  tolerateErrors(socket)
  const timer = setTimeout(() => socket.destroy(), PATIENCE).unref()
  socket.once('close', () => clearTimeout(timer))
  // Only who reads on notices that the peer has hung up, and does not wait for the timer.
  socket.resume()
  if (socket.writable) socket.end(responseTo(error))
}

/** Once a request asks for an upgrade, Node leaves its socket alone; a peer that hangs up must not end the process. */
export function tolerateErrors(socket: Duplex): void {
  if (!socket.listeners('error').includes(ignoreError)) socket.on('error', ignoreError)
}

/** After an error comes `close`, which is what counts. */
function ignoreError(): void {}

function responseTo(error: unknown): Buffer {
  const { status, headers, body } = answerTo(error)
  const content = Buffer.from(JSON.stringify(body))
  const own = {
    Connection: 'close',
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(content.length),
    Date: new Date().toUTCString(),
  }
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...headerLines(headers), ...headerLines(own)]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), content])
}

function answerTo(error: unknown): { status: number; headers: ErrorHeaders; body: object } {
  if (error instanceof AuthXError && error.status >= 400 && Object.hasOwn(STATUS_CODES, error.status)) {
    const headers = Object.entries(error.headers).filter(([name]) => !OURS.has(name.toLowerCase()))
    const body = { message: publicMessage(error), error_type: error.name }
    return { status: error.status, headers: Object.fromEntries(headers), body }
  }
  return { status: 500, headers: {}, body: { message: 'Internal Server Error', error_type: 'InternalServerError' } }
}

function headerLines(headers: ErrorHeaders): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value]
      .flat()
      .filter(each => isSound(name, each))
      .map(each => `${name}: ${each}`),
  )
}

/** What Node itself would let into a response: no line breaks, above all. */
function isSound(name: string, value: string): boolean {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return true
  } catch {
    return false
  }
}
