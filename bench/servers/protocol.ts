import type { Server } from 'node:http'

/** What a server process is told when it starts. */
export interface Settings {
  readonly redisUrl: string
  readonly postgresUrl: string
  /** A folder of the process's own. */
  readonly folder: string
  /** What the server grows with: sessions, subjects, scopes. */
  readonly size: number
}

/** `expired` and `revoked` are access tokens that a guard refuses. */
export type TokenKind = 'access' | 'refresh' | 'expired' | 'revoked'

/** One server to be measured. */
export interface Variant {
  /** Listens, or is about to, on 127.0.0.1. */
  readonly server: Server
  /** Makes different tokens. A floor without this method gets those of the server that it is the floor of. */
  tokens?(count: number, kind: TokenKind): readonly string[] | Promise<readonly string[]>
}

/** What each export of a file of servers is, but for helpers: `authx/redis` is the export `redis` of authx.ts. */
export type StartVariant = (settings: Settings) => Variant | Promise<Variant>

/** What a server process is asked while it runs; each order is answered once. */
export type Order =
  /** Write tokens into a file, one a line. Answer: how many; 0 if the server makes none. */
  | { readonly do: 'tokens'; readonly count: number; readonly kind: TokenKind; readonly file: string }
  /** Answer: what the process has done so far. */
  | { readonly do: 'usage' }
  /** Answer: bytes in use, after a garbage collection. */
  | { readonly do: 'memory' }
  | { readonly do: 'startProfile' }
  /** Write the profile into a file. */
  | { readonly do: 'stopProfile'; readonly file: string }

/** What a process has done since it started. */
export interface Usage {
  /** Microseconds, of all its threads. */
  readonly cpu: number
  /** Requests that have been answered. */
  readonly requests: number
}

export type AnswerTo<O extends Order> = O extends { readonly do: 'usage' } ? Usage : number

export type Answer = { readonly value: AnswerTo<Order> } | { readonly error: string }
