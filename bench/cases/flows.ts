import { type Case, flow, type Group } from '../case.js'

const STORES = [
  ['memory', 'the memory store'],
  ['sqlite', 'SQLite'],
  ['redis', 'Redis'],
  ['postgres', 'PostgreSQL'],
] as const

const VERIFYING = 'floors/redisVerifying'

const refreshBeside = (name: string, variant: string, base: string): Case => ({
  ...flow(name, 'redis', { path: '/refresh', use: 'chain' }, { tokens: 'refresh' }),
  variant: { server: variant },
  base: { server: base },
})

/** Beside a Koa route that makes the same calls of the same store, signs as many tokens, and checks nothing. */
export const flows: Group = {
  title: 'Login, refresh and logout, of a route that makes the same store calls',
  cases: [
    ...STORES.flatMap(([kind, name]) => [
      flow(`login on ${name}`, kind, { path: '/login', use: 'same' }, { headers: () => ({}) }),
      flow(`refresh on ${name}`, kind, { path: '/refresh', use: 'chain' }, { tokens: 'refresh' }),
      flow(`logout on ${name}`, kind, { path: '/logout', use: 'once' }, { status: 204 }),
    ]),
    refreshBeside('refresh on Redis, of a route that checks the signature too', 'flows/redis', VERIFYING),
    refreshBeside('that route, of the one that checks nothing', VERIFYING, 'floors/redis'),
    refreshBeside(
      'refresh on the memory store with a claims getter, of one without',
      'flows/memoryAsking',
      'flows/memory',
    ),
    refreshBeside('refresh on Redis with a claims getter, of one without', 'flows/redisAsking', 'flows/redis'),
  ],
}
