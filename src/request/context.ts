import type { Context } from 'koa'

/** The parts of a Koa context that are read. Any Koa context is one, whatever its state is typed as. */
export type RequestContext = Pick<Context, 'req' | 'request' | 'method' | 'querystring'>
