import { type Group, guarded, sent } from '../case.js'

const once = { load: sent({ use: 'once' }) } as const

/** Access tokens of an identity provider, RS256, with a key set that was read before. */
export const issuers: Group = {
  title: 'Tokens of an identity provider',
  cases: [
    guarded('koa-authx', 'issuers/authx', 'koa/open'),
    guarded('koa-authx, memory store asked on every request', 'issuers/authxMemory', 'koa/open'),
    guarded('koa-jwt with jwks-rsa', 'issuers/koaJwt', 'koa/open'),
    guarded('express-oauth2-jwt-bearer', 'issuers/expressBearer', 'express/open'),
    guarded('koa-authx, a token never seen before', 'issuers/authx', 'koa/open', once),
    guarded('koa-jwt with jwks-rsa, a token never seen before', 'issuers/koaJwt', 'koa/open', once),
  ],
}
