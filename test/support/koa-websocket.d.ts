// Its published types add `websocket` to every Koa context of the program.
declare module 'koa-websocket' {
  import type Koa from 'koa'
  import type { WebSocket } from 'ws'

  type SocketMiddleware = (ctx: Koa.Context & { websocket: WebSocket }, next: Koa.Next) => unknown
  export default function websockify(app: Koa): Koa & { readonly ws: { use(middleware: SocketMiddleware): void } }
}
