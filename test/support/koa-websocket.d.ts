// Its published types add `websocket` to every Koa context of the program.
declare module 'koa-websocket' {
  import type Koa from 'koa'
  import type { ServerOptions, WebSocket, WebSocketServer } from 'ws'

  type SocketMiddleware = (ctx: Koa.Context & { websocket: WebSocket }, next: Koa.Next) => unknown
  interface Sockets {
    readonly server: WebSocketServer
    use(middleware: SocketMiddleware): void
    listen(options: ServerOptions): void
  }
  export default function websockify(app: Koa): Koa & { readonly ws: Sockets }
}
