import { type Case, type Group, guarded, sent } from '../case.js'

const OPEN = 'koa/open'

export const growth: Group = {
  title: 'As tokens grow',
  cases: [1, 10, 100].flatMap(size => [
    guarded(of(size, 'scope'), { server: 'authx/scopes', size }, OPEN),
    guarded(`${of(size, 'claim')} of the application's own`, { server: 'authx/claims', size }, OPEN),
  ]),
}

/** Beside the same guarded route on the same store, which answers without the list. */
export const lists: Group = {
  title: "The list of a subject's sessions, of a guarded route without it",
  cases: (['memory', 'sqlite', 'redis'] as const).flatMap(kind =>
    [1, 10, 100, 500].map(size => {
      const variant = { server: `lists/${kind}`, size }
      const load = sent({ path: '/sessions' })
      return guarded(`${kind}: a list of ${of(size, 'session')}`, variant, `lists/${kind}Guard`, { load })
    }),
  ),
}

/** One group each: a server with a million sessions is not to stand beside the next one. */
export const liveSessions = (sizes: readonly number[]): Group[] =>
  (['memory', 'sqlite', 'redis'] as const).flatMap(kind =>
    sizes.map(size => ({ title: 'As live sessions grow', cases: [liveCase(kind, size)] })),
  )

/** 256 clients, spread evenly over the sessions, call in turn. */
function liveCase(kind: 'memory' | 'sqlite' | 'redis', size: number): Case {
  const variant = { server: `live/${kind}`, size }
  return guarded(`${kind}: ${of(size, 'live session')}`, variant, OPEN, { load: sent({ use: 'ring' }) })
}

function of(size: number, what: string): string {
  return `${size.toLocaleString('en')} ${what}${size === 1 ? '' : 's'}`
}
