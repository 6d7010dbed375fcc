import type { AddressInfo } from 'node:net'
import type Koa from 'koa'

/**
 * Serves `app` in a process that was forked: sends its port when it listens, answers each message of its parent with what
 * `answer` makes of it, and ends when the parent does.
 */
export function serveParent<Message>(
  app: Pick<Koa, 'listen'>,
  answer: (message: Message) => object = () => ({}),
): void {
  const server = app.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  // Else a connection may be closed in the moment in which a client takes it for its next request.
  server.keepAliveTimeout = 0
  process.on('message', (message: Message) => process.send?.(answer(message)))
  process.on('disconnect', () => process.exit())
}
