import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Duplex } from 'node:stream'
import { AuthXError, type ErrorHeaders } from '../errors.js'
import { publicMessage } from '../koa/render-errors.js'

/** How long the client may take to read the response and close the connection. */
const CLOSE_TIMEOUT_MS = 1000

/** Headers that an error cannot set, because `refuseUpgrade` sets them: they decide where the response ends. */
const OURS = new Set(['connection', 'content-length', 'content-type', 'date', 'transfer-encoding'])

/**
 * Reject an upgrade request: send the response that `middleware()` sends for an AuthXError, then close the socket. For
 * any other error the response is 500 without details. After one second the socket is destroyed, even if the client has
 * not read the response.
 * @param socket the socket of the server's event `upgrade`. It may be closed already.
 */
export function refuseUpgrade(socket: Duplex, error: unknown): void {
  tolerateErrors(socket)
  const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS).unref()
  socket.once('close', () => clearTimeout(timer))
  // Keep reading. Otherwise Node does not notice that the client has closed the connection.
  socket.resume()
  if (socket.writable) socket.end(responseTo(error))
}

/** Ignore errors of the socket of an upgrade. Node does not handle them, and an unhandled error ends the process. */
export function tolerateErrors(socket: Duplex): void {
  if (!socket.listeners('error').includes(ignoreError)) socket.on('error', ignoreError)
}

/** Does nothing, because the event `close` follows. */
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

/** Whether Node accepts the header. This excludes line breaks. */
function isSound(name: string, value: string): boolean {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return true
  } catch {
    return false
  }
}
