import { debuglog } from 'node:util'

/** Prints a line if `NODE_DEBUG` names `koa-authx`. */
export const debug = debuglog('koa-authx')
