import type { Load } from './load.js'
import type { TokenType } from './servers/protocol.js'

/** A server that is measured, and what it has to answer. */
export interface Side {
  /** File and export in servers/: `koa-jwt/string`. */
  readonly server: string
  /** What the variant grows in; 1 if it does not. */
  readonly size?: number
  /** Default 200. */
  readonly status?: number
}

/** One line of the results: how much of what `base` does in a time `variant` does, when both are sent the same. */
export interface Case {
  readonly name: string
  readonly base: Side
  readonly variant: Side
  readonly load: Load
  /** The headers of the request, made of a token that the variant accepts. */
  readonly headers: (token: string) => Readonly<Record<string, string>>
  readonly tokens: TokenType
  /** The ratio that is aimed at. */
  readonly atLeast?: number
}

export interface Group {
  readonly title: string
  readonly cases: readonly Case[]
}

export const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

const GUARDED: Load = { method: 'GET', path: '/protected', connections: 32, use: 'same' }

/** A guarded route beside what it is compared with. */
export function guarded(name: string, variant: string | Side, base: string | Side, rest: Partial<Case> = {}): Case {
  const sides = { variant: sideOf(variant), base: sideOf(base) }
  return { name, ...sides, load: GUARDED, headers: bearer, tokens: 'access', ...rest }
}

/** A flow on a store beside its floor. */
export function flow(
  name: string,
  kind: 'memory' | 'sqlite' | 'redis' | 'postgres',
  load: Pick<Load, 'path' | 'use'>,
  rest: Partial<Case> & { status?: number } = {},
): Case {
  const { status = 200, ...others } = rest
  const sides = { variant: { server: `flows/${kind}`, status }, base: { server: `floors/${kind}`, status } }
  return { name, ...sides, load: { ...GUARDED, ...load, method: 'POST' }, headers: bearer, tokens: 'access', ...others }
}

export const sent = (load: Partial<Load>): Load => ({ ...GUARDED, ...load })

const sideOf = (side: string | Side): Side => (typeof side === 'string' ? { server: side } : side)
