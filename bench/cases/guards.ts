import { type Group, guarded } from '../case.js'

/** Each beside the unguarded route of its own framework; all get the same kind of token. */
export const guards: Group = {
  title: 'Guards: what other libraries leave of their framework',
  cases: [
    guarded('koa-authx, HS256', 'authx/hs256', 'koa/open'),
    guarded('koa-authx, HS256, with middleware()', 'authx/mounted', 'koa/open'),
    guarded('koa-authx, Redis, with middleware()', 'authx/mountedRedis', 'koa/open'),
    guarded('koa-authx, PostgreSQL, with middleware()', 'authx/mountedPostgres', 'koa/open'),
    guarded('koa-authx, HS256, Koa without a router', 'authx/bare', 'koa/bare'),
    guarded('by hand: jsonwebtoken, KeyObject', 'by-hand/keyObject', 'koa/open'),
    guarded('koa-jwt, string secret', 'koa-jwt/string', 'koa/open'),
    guarded('koa-jwt, KeyObject', 'koa-jwt/keyObject', 'koa/open'),
    guarded('express-jwt, string secret', 'express/jwtString', 'express/open'),
    guarded('express-jwt, KeyObject', 'express/jwtKeyObject', 'express/open'),
    guarded('passport-jwt on Express, string secret', 'express/passportString', 'express/open'),
    guarded('passport-jwt on Express, KeyObject', 'express/passportKeyObject', 'express/open'),
    guarded('@fastify/jwt', 'fastify/jwt', 'fastify/open'),
    guarded('@fastify/jwt with its cache', 'fastify/jwtCached', 'fastify/open'),
  ],
}
