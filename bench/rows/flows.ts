import { type Group, type Row, row } from '../row.js'

const STORES = [
  ['memory', 'memory'],
  ['sqlite', 'SQLite'],
  ['redis', 'Redis'],
  ['postgres', 'PostgreSQL'],
] as const

/** A flow of an instance of koa-authx, beside its floor. */
const flow = (name: string, kind: string, path: string, rest: Parameters<typeof row>[3]): Row =>
  row(name, `flows/${kind}`, `flow-floors/${kind.replace('Asking', '')}`, {
    says: '"access_token"',
    aims: [{ timesFloor: 1.3 }],
    ...rest,
    request: { method: 'POST', path, ...rest?.request },
  })

const REFRESH = { request: { use: 'once', tokens: 'refresh' } } as const

/** Measured with `--profile`, and in one process without HTTP. */
const MISSED = `The aim leaves 23 µs to a login, 22 µs to a refresh and 11 µs to a logout on the memory store. In one process without HTTP, 32 at a time, they
take 34, 28 and 30 µs more than their floors. In profiles of the servers, the library takes 35 %, 34 % and 45 % of the time of the process;
HTTP, Koa, jsonwebtoken and garbage collection take the rest. More than half of the library's time are the rules for sessions: records are
parsed and checked, judged by the subject's cut-off, the clocks and the grace period, and written; the list of sessions is kept. The rest
are the claims of two tokens, the places where a token can be, and a deadline for each call of the store. The most expensive function takes
4 %. The floor has none of this, so on the memory store the aim cannot be met without leaving out checks. On PostgreSQL the figures are
too uncertain for a verdict: a login has 356 µs in one run, and 212 in the other.`

export const flows: Group = {
  title: 'Login, refresh and logout',
  text: 'The floor makes the same calls of the same store and as many signatures, and checks nothing but the signature.',
  missed: MISSED,
  rows: [
    ...STORES.flatMap(([kind, name]) => [
      flow(`login, ${name}`, kind, '/login', { request: { headers: () => ({}) } }),
      flow(`refresh, ${name}`, kind, '/refresh', REFRESH),
      flow(`logout, ${name}`, kind, '/logout', { status: 204, says: '', request: { use: 'once' } }),
    ]),
    flow('refresh with a claims getter, Redis', 'redisAsking', '/refresh', REFRESH),
  ],
}

/** The floors write the list of the subject once for all logins that wait for it, as koa-authx does. */
export const logins: Group = {
  title: 'Fifty subjects, and one',
  text: 'Logins at the same time: of one subject, whose list of sessions all of them change, and of fifty subjects.',
  rows: [['memory', 'memory'] as const, ['redis', 'Redis'] as const].flatMap(([kind, name]) =>
    [1, 50].map(size => {
      const subjects = size === 1 ? 'one subject' : `${size} subjects`
      const rest = { size, aims: [], request: { headers: () => ({}) } }
      return {
        ...flow(`logins of ${subjects}, ${name}`, kind, '/login', rest),
        server: `logins/${kind}`,
        floor: `logins/${kind}Floor`,
      }
    }),
  ),
}
