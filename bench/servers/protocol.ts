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
  /** Answer: microseconds of CPU that the process has taken so far. */
  | { readonly do: 'cpu' }
  /** Answer: microseconds of CPU for each request since this was asked last; 0 if there were hardly any. */
  | { readonly do: 'cpuPerRequest' }
  /** Answer: bytes in use, after a garbage collection. */
  | { readonly do: 'memory' }
  | { readonly do: 'startProfile' }
  /** Write the profile into a file. */
  | { readonly do: 'stopProfile'; readonly file: string }

export type Answer = { readonly value: number } | { readonly error: string }
