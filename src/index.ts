/**
 * Logins for Koa: tokens, guards, refresh, logout.
 * @module koa-authx
 */

export { type Auditable, audit } from './audit/audit.js'
export type { Audit, AuditedRoute, UnsafeGuard } from './audit/findings.js'
export type { VerifyTokenOptions } from './authenticate/authenticate.js'
export type { ClaimsGetter, ClaimsRequest, SubjectClaims, SubjectGetter } from './authenticate/getters.js'
export type { AuthContext, AuthXOptions } from './authenticate/internals.js'
export { PolicyEngine, type PolicyEngineOptions } from './authorization/policy/engine.js'
export type { PolicyName } from './authorization/policy/patterns.js'
export type {
  PolicyCondition,
  PolicyContext,
  PolicyDecider,
  PolicyDecision,
  PolicyEffect,
  PolicyEvaluator,
  PolicyOperator,
  PolicyQuestion,
  PolicyRequest,
  PolicyRule,
  PolicySource,
  PolicyValue,
} from './authorization/policy/rule.js'
export { AuthX } from './authx.js'
export type { Duration } from './config/duration.js'
export type {
  AdoptClaims,
  Algorithm,
  CryptoKeyLike,
  GetKey,
  Jwk,
  KeyInput,
  KeyOptions,
  NamedKey,
  TokenLocation,
  TokenType,
  TooManySessions,
  UnverifiedHeader,
  UnverifiedPayload,
} from './config/options.js'
export * from './errors.js'
export type { Guard } from './guards/guard-methods.js'
export type { AuthorizeOptions } from './guards/policy-decision.js'
export type { PolicyGuardContext, PolicyGuardOptions, PolicyResource } from './guards/policy-guard.js'
export type { FreshGuardOptions, GuardOptions, TokenGuardOptions } from './guards/token-guards.js'
export type { Issuer, IssuerClaims, IssuerClaimsMapper, IssuerTokenHeader } from './issuer.js'
export type { BackchannelLogoutOptions, IssuerLogoutNotice } from './koa/backchannel-logout.js'
export type { TokenPair, TokenResponse } from './koa/flows.js'
export type { LoginPage } from './koa/login-page.js'
export type { ReauthenticateOptions } from './koa/reauthenticate.js'
export type { RefreshOptions } from './koa/refresh.js'
export type { MiddlewareOptions } from './koa/render-errors.js'
export type { ResourceMetadataOptions } from './koa/resource-metadata.js'
export { AuthManager, type AuthManagerOptions } from './manager.js'
export type { LoginTypes, ManagedAuthX } from './manager-types.js'
export type {
  OpenApiComponents,
  OpenApiHeader,
  OpenApiResponse,
  OpenApiSchema,
  OpenApiSecurity,
  OpenApiSecurityOptions,
  OpenApiSecurityScheme,
} from './openapi/openapi.js'
export { networkOf } from './rate-limit/network.js'
export {
  type RateLimiter,
  type RateLimitKey,
  type RateLimitMiddleware,
  type RateLimitOptions,
  rateLimited,
} from './rate-limit/rate-limit.js'
export type { LocatedToken } from './request/locate.js'
export type { BlocklistCallback } from './session/blocklist.js'
export type { AuthXEvents, EventName, IssuerRevoked, Listener } from './session/events.js'
export type { Session, SessionList } from './session/listing.js'
export type { Device } from './session/record.js'
export type { TokenPairOptions } from './session/tokens.js'
export type { StoreFinding, TokenStore } from './store.js'
export type { AccessTokenOptions, TokenOptions } from './token/claims.js'
export type { DeepReadonly, RegisteredClaims, TokenPayload } from './token/payload.js'
export type { AuthXTraces, RefreshTrace, StoreTrace, VerifyTrace } from './tracing.js'
export type { AbortWhenOverOptions, StreamContext } from './watch/abort-when-over.js'
export type { UpgradeOptions } from './websocket/authenticate-upgrade.js'
export type { ClosableSocket, CloseWhenOverOptions } from './websocket/close-when-over.js'
export type { UpgradeLocation } from './websocket/locate-in-upgrade.js'
export { refuseUpgrade } from './websocket/refuse-upgrade.js'
