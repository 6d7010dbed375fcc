import type { TokenKind } from './servers/protocol.js'

/** The request that is sent again and again, to a server and to its floor. */
export interface RowRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly tokens: TokenKind
  /**
   * `same`: one request, with headers made of one token. The others send bearer tokens: in turn (`ring`), each once
   * (`once`).
   */
  readonly use: 'same' | 'ring' | 'once'
  /** For `same`: the headers. */
  readonly headers: (token: string) => Readonly<Record<string, string>>
}

/** What is aimed at. CPU times are those beyond the floor. */
export type Aim =
  /** Microseconds. */
  | { readonly atMost: number }
  /** The CPU time of the whole request, as a multiple of that of its floor. */
  | { readonly timesFloor: number }
  /** A share of the CPU time of the row with the name `of`. */
  | { readonly share: number; readonly of: string }

/** One line of the results: what a server does with a request, beyond its floor. */
export interface Row {
  /** Unique in all groups. */
  readonly name: string
  /** File and export in servers/: `koa-jwt/string`. */
  readonly server: string
  /** File and export of the server that does the same I/O in the same manner, and nothing else. */
  readonly floor: string
  /** What both servers grow with: sessions, subjects, scopes. Default 1. */
  readonly size?: number
  readonly request: RowRequest
  /** Status of every response. Default 200. */
  readonly status?: number
  /** Text in the responses of both servers. */
  readonly says: string
  readonly aims?: readonly Aim[]
}

export interface Group {
  readonly title: string
  /** Said above the table. */
  readonly text: string
  readonly rows: readonly Row[]
  /** Said below the table if a row misses its aim: what its parts cost, and why they are needed. */
  readonly missed?: string | undefined
}

/** The server of a row, or its floor. */
export type Side = 'server' | 'floor'

export const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

const GUARDED: RowRequest = { method: 'GET', path: '/protected', tokens: 'access', use: 'same', headers: bearer }

type Rest = Omit<Partial<Row>, 'request'> & { readonly request?: Partial<RowRequest> }

/** A row with a GET of a guarded route, and what differs from that. */
export function row(name: string, server: string, floor: string, { request, ...rest }: Rest = {}): Row {
  return { name, server, floor, says: 'You have access', request: { ...GUARDED, ...request }, ...rest }
}
