import assert from 'node:assert/strict'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../examples/programs.js'
import { emitDeclarations, publishedPaths } from '../support/declarations.js'
import { complaints } from '../support/markdown.js'
import { temporaryFolder } from '../support/temporary.js'

const FILE = `
import type * as authx from 'koa-authx'
import type { AuthXClientOptions } from 'koa-authx/client'
import type { RemoteIssuerOptions } from 'koa-authx/issuers'
import type { AuthRouterOptions, AuthRouterPaths } from 'koa-authx/router'
import type { KeyvTokenStoreOptions } from 'koa-authx/stores/keyv'
import type { MemoryTokenStoreOptions } from 'koa-authx/stores/memory'
import type { PostgresTokenStoreOptions } from 'koa-authx/stores/postgres'
import type { RedisTokenStoreOptions } from 'koa-authx/stores/redis'
import type { SqliteTokenStoreOptions } from 'koa-authx/stores/sqlite'
import type { MakeTokenOptions } from 'koa-authx/testing'

/** The option is refused if it is undefined: a lookup that found no issuer must not end sessions of our own. */
type RevokeAllOptions = Omit<NonNullable<Parameters<authx.AuthX['revokeAllSessions']>[1]>, 'issuer'>

/** Optional members that cannot be given as undefined. */
type Forgotten<T> = T extends unknown
  ? { [K in keyof T]-?: {} extends Pick<T, K> ? ({ [P in K]: undefined } extends Pick<T, K> ? never : K) : never }[keyof T]
  : never

type Nothing<Names extends never> = Names
export type Checked =
  | Nothing<Forgotten<authx.AuthXOptions>>
  | Nothing<Forgotten<NonNullable<authx.AuthXOptions['formerCookies']>[number]>>
  | Nothing<Forgotten<authx.NamedKey>>
  | Nothing<Forgotten<authx.KeyOptions>>
  | Nothing<Forgotten<authx.GuardOptions>>
  | Nothing<Forgotten<authx.TokenGuardOptions>>
  | Nothing<Forgotten<authx.FreshGuardOptions>>
  | Nothing<Forgotten<authx.VerifyTokenOptions>>
  | Nothing<Forgotten<authx.TokenOptions>>
  | Nothing<Forgotten<authx.AccessTokenOptions>>
  | Nothing<Forgotten<authx.TokenPairOptions>>
  | Nothing<Forgotten<authx.RefreshOptions>>
  | Nothing<Forgotten<authx.ReauthenticateOptions>>
  | Nothing<Forgotten<authx.UpgradeOptions>>
  | Nothing<Forgotten<authx.BackchannelLogoutOptions>>
  | Nothing<Forgotten<authx.ResourceMetadataOptions>>
  | Nothing<Forgotten<authx.CloseWhenOverOptions>>
  | Nothing<Forgotten<authx.RateLimitOptions>>
  | Nothing<Forgotten<authx.PolicyGuardOptions<object>>>
  | Nothing<Forgotten<authx.AuthorizeOptions>>
  | Nothing<Forgotten<authx.PolicyRule>>
  | Nothing<Forgotten<authx.PolicyEngineOptions>>
  | Nothing<Forgotten<authx.AuthManagerOptions>>
  | Nothing<Forgotten<authx.OpenApiSecurityOptions>>
  | Nothing<Forgotten<RemoteIssuerOptions>>
  | Nothing<Forgotten<AuthXClientOptions>>
  | Nothing<Forgotten<NonNullable<AuthXClientOptions['paths']>>>
  | Nothing<Forgotten<AuthRouterOptions>>
  | Nothing<Forgotten<NonNullable<AuthRouterOptions['sessions']>>>
  | Nothing<Forgotten<AuthRouterPaths>>
  | Nothing<Forgotten<KeyvTokenStoreOptions>>
  | Nothing<Forgotten<MemoryTokenStoreOptions>>
  | Nothing<Forgotten<PostgresTokenStoreOptions>>
  | Nothing<Forgotten<RedisTokenStoreOptions>>
  | Nothing<Forgotten<SqliteTokenStoreOptions>>
  | Nothing<Forgotten<MakeTokenOptions>>
  | Nothing<Forgotten<Parameters<authx.AuthX['getTokenFromRequest']>[1] & object>>
  | Nothing<Forgotten<RevokeAllOptions>>
`

test('every option may be given as undefined under exactOptionalPropertyTypes', async t => {
  const { folder, remove } = await temporaryFolder()
  t.after(remove)
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir')
  await emitDeclarations(join(folder, 'declared'))
  writeFileSync(join(folder, 'options.mts'), FILE)
  const exact = { exactOptionalPropertyTypes: true, paths: publishedPaths(join(folder, 'declared')) }
  assert.equal(await complaints(folder, ['options.mts'], exact), '')
})
