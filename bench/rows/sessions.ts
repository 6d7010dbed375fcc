import { type Group, type Row, row } from '../row.js'

const STORES = [
  ['memory', 'memory'],
  ['redis', 'Redis'],
  ['postgres', 'PostgreSQL'],
] as const

export const sessions: Group = {
  title: 'Lists of sessions',
  text: 'No guard is on these routes. The floor makes the same calls of the store, and sends as many bytes.',
  rows: STORES.flatMap(([kind, name]): Row[] => [
    ...[1, 10, 100].map(size =>
      row(`listSessions of ${size}, ${name}`, `sessions/${kind}`, `sessions/${kind}Floor`, {
        size,
        says: '"Kitchen tablet"',
        request: { path: '/sessions', headers: () => ({}) },
      }),
    ),
    row(`revokeAllSessions, ${name}`, `sessions/${kind}`, `sessions/${kind}Floor`, {
      status: 204,
      says: '',
      request: { method: 'POST', path: '/revoke-all', headers: () => ({}) },
    }),
  ]),
}
