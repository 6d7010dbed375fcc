import type { AuthX, SessionList, TokenPair, TokenStore } from '../../../src/index.js'
import { refresh, type Scene, SUBJECT } from './scene.js'

/** What an operation resolves to. */
export interface Result {
  /** The tokens that a login or refresh hands out. */
  readonly pair?: TokenPair
  readonly list?: SessionList
}

/** Which sessions something is about. Logins of the run itself have no name. */
export type Target = 'phone' | 'laptop' | 'imported'

/** What a client or the application asks for. Each is served by a process of its own. */
export interface Operation {
  readonly name: string
  readonly run: (server: AuthX, scene: Scene, store: TokenStore) => Promise<Result>
  /** The session whose token it presents. A refusal says that this session has ended. */
  readonly uses?: Target
  /** The refresh token that it presents, by generation of the phone's. */
  readonly presents?: 0 | 1 | 2 | 'imported'
  /** The sessions that are over once it is done. */
  readonly ends?: readonly Target[]
  /** Whether it ends other sessions of the subject: those whose login was over before it began. */
  readonly endsOthers?: boolean
  readonly isLogin?: boolean
  readonly lists?: boolean
  /** How far the clock of its server is ahead of the others'. */
  readonly secondsAhead?: number
}

const nothing = () => ({})
const presenting = (generation: 0 | 1 | 2): Pick<Operation, 'uses' | 'presents' | 'run'> => ({
  uses: 'phone',
  presents: generation,
  run: async (server, { phone }) => ({ pair: await refresh(server, phone.pairs[generation].refresh_token) }),
})
const phoneAccess = ({ phone }: Scene) => phone.pairs[2].access_token

export const OPERATIONS = {
  login: { name: 'login', isLogin: true, run: async server => ({ pair: await server.createTokenPair(SUBJECT) }) },
  refresh: { name: 'refresh', ...presenting(2) },
  predecessor: { name: 'refresh with the predecessor', ...presenting(1) },
  reuse: { name: 'reuse of an older token', ...presenting(0), ends: ['phone'] },
  firstRefresh: {
    name: 'first refresh without a session',
    uses: 'imported',
    presents: 'imported',
    run: async (server, { imported }) => ({ pair: await refresh(server, imported.refreshToken) }),
  },
  logout: {
    name: 'logout',
    ends: ['phone'],
    run: (server, scene) => server.revoke(phoneAccess(scene)).then(nothing),
  },
  revokeSession: {
    name: 'revokeSession',
    ends: ['phone'],
    run: (server, { phone }) => server.revokeSession(phone.sid).then(nothing),
  },
  revokeAll: {
    name: 'revokeAllSessions',
    ends: ['phone', 'laptop', 'imported'],
    endsOthers: true,
    run: server => server.revokeAllSessions(SUBJECT).then(nothing),
  },
  revokeOthers: {
    name: 'revokeAllSessions except the phone',
    ends: ['laptop', 'imported'],
    endsOthers: true,
    run: (server, { phone }) => server.revokeAllSessions(SUBJECT, { except: phone.sid }).then(nothing),
  },
  guard: {
    name: 'guard',
    uses: 'phone',
    // More than a minute after the last refresh, it writes down the activity.
    secondsAhead: 10,
    run: (server, scene) => server.verifyToken(phoneAccess(scene)).then(nothing),
  },
  list: { name: 'list', lists: true, run: async server => ({ list: await server.listSessions(SUBJECT) }) },
} satisfies Record<string, Operation>

export type OperationName = keyof typeof OPERATIONS
export type Operations = Readonly<Record<OperationName, Operation>>

/** When a response was lost: the owner tries again with the predecessor and logs out; somebody has the response. */
export const OF_TWO_CLIENTS: readonly OperationName[] = ['refresh', 'predecessor', 'guard', 'logout']

/** All choices of so many operations, each once, whatever their order. */
export function choices(
  count: number,
  from: readonly OperationName[] = Object.keys(OPERATIONS) as OperationName[],
): OperationName[][] {
  if (count === 0) return [[]]
  return from.flatMap((first, place) => choices(count - 1, from.slice(place)).map(rest => [first, ...rest]))
}
