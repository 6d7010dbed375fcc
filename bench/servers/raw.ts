import { createServer } from 'node:http'
import { ANYBODY, answerTo, LOOPBACK } from './common.js'
import type { StartVariant } from './protocol.js'

/** No framework at all: the floor of everything. */
export const http: StartVariant = () => {
  const server = createServer((_, response) => {
    response.setHeader('Content-Type', 'application/json; charset=utf-8')
    response.end(JSON.stringify(answerTo(ANYBODY)))
  })
  return { server: server.listen(0, LOOPBACK) }
}
