import type { Context } from 'koa'
import type { Config } from '../config/table.js'
import type { RequestContext } from '../request/locate.js'
import type { Revocation } from '../session/revocation.js'
import type { Sessions } from '../session/sessions.js'
import type { KeyRing } from '../token/keys.js'
import type { RequestMemory } from './memory.js'

/** Finds who a token is about; `undefined` if there is no such subject (any more). */
export type SubjectGetter<Subject> = (sub: string, ctx: Context) => Subject | undefined | Promise<Subject | undefined>

/** What an instance is made of, as the functions of this folder need it. */
export interface Parts {
  readonly config: Config
  readonly ring: KeyRing
  /** None without a store. */
  readonly sessions: Sessions | undefined
  readonly revocation: Revocation
  readonly memory: RequestMemory
  subjectGetter: SubjectGetter<unknown> | undefined
}

/** What tokens are read from and cookies are written to: any Koa context. */
export type AuthContext = RequestContext & Pick<Context, 'response' | 'secure' | 'ip'>
