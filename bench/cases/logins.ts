import { type Case, type Group, guarded, sent } from '../case.js'

const FIFTY = sent({ method: 'POST', path: '/login', connections: 50 })

const loginsOfOne = (name: string, variant: string, base: Case['base']): Case => ({
  ...guarded(name, variant, base, { load: FIFTY, headers: () => ({}) }),
})

/** `size` is the number of subjects. A list of sessions is cut to 500 when it has more than 700. */
export const logins: Group = {
  title: 'Fifty logins of one subject at once',
  cases: (['memory', 'sqlite', 'redis'] as const).flatMap(kind =>
    [
      [kind, kind],
      [`${kind}, maxSessions: 5`, `${kind}OfFive`],
    ].flatMap(([name, server]) => [
      loginsOfOne(`${name}: of a route that makes the same store calls`, `logins/${server}`, {
        server: `login-floors/${server}`,
      }),
      loginsOfOne(`${name}: of logins of fifty subjects`, `logins/${server}`, { server: `logins/${server}`, size: 50 }),
    ]),
  ),
}
