import { flow, type Group, guarded, sent } from '../case.js'

/** What is aimed at, line by line; the last one, a latency, is in latency.ts. */
export const aims: Group = {
  title: 'What is aimed at',
  cases: [
    guarded('HS256, no store, the same client again', 'authx/hs256', 'koa/open', { atLeast: 0.9 }),
    guarded('RS256, no store, the same client again', 'authx/rs256', 'koa/open', { atLeast: 0.9 }),
    guarded('ES256, no store, the same client again', 'authx/es256', 'koa/open', { atLeast: 0.9 }),
    guarded('memory store asked on every request', 'authx/memory', 'koa/open', { atLeast: 0.9 }),
    guarded('SQLite asked on every request', 'authx/sqlite', 'koa/open', { atLeast: 0.8 }),
    guarded('Redis asked on every request', 'authx/redis', 'koa/open', { atLeast: 0.85 }),
    guarded('HS256, a token never seen before', 'authx/neverSeen', 'by-hand/keyObject', {
      atLeast: 0.9,
      load: sent({ use: 'once' }),
    }),
    guarded('token of an identity provider, beside koa-jwt with jwks-rsa', 'issuers/authx', 'issuers/koaJwt', {
      atLeast: 3,
    }),
    flow('refresh on Redis', 'redis', { path: '/refresh', use: 'chain' }, { tokens: 'refresh', atLeast: 0.8 }),
  ],
}
