import type { Server } from 'node:http'

/** What a server process is told when it starts. */
export interface Settings {
  readonly redisUrl: string
  readonly postgresUrl: string
  /** A folder of the process's own. */
  readonly folder: string
  /** How many of what the variant grows in: scopes, claims, live sessions. */
  readonly size: number
}

export type TokenType = 'access' | 'refresh'

/** One server to be measured. */
export interface Variant {
  /** Listens, or is about to, on 127.0.0.1. */
  readonly server: Server
  /** So many tokens, each another one, that the server accepts. Without it: those of what it is compared with will do. */
  tokens?(count: number, type: TokenType): readonly string[] | Promise<readonly string[]>
}

/** What each export of a file of servers is, but for helpers: `authx/redis` is the export `redis` of authx.ts. */
export type StartVariant = (settings: Settings) => Variant | Promise<Variant>

/** What a server process is asked while it runs; each order is answered once. */
export type Order =
  /** Write tokens into a file, one a line. Answer: how many; none if the variant makes none. */
  | { readonly do: 'tokens'; readonly count: number; readonly type: TokenType; readonly file: string }
  /** Answer: microseconds of CPU that the process has taken so far. */
  | { readonly do: 'cpu' }
  /** Answer: bytes in use, after a garbage collection. */
  | { readonly do: 'memory' }
  | { readonly do: 'startProfile' }
  /** Write the profile into a file. */
  | { readonly do: 'stopProfile'; readonly file: string }

export type Answer = { readonly value: number } | { readonly error: string }
