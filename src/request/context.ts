import type { Context } from 'koa'

/** The parts of a Koa context that the library reads. A context with any state type fits. */
export type RequestContext = Pick<Context, 'req' | 'request' | 'method' | 'querystring'>
