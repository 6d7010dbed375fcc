/**
 * Ready-made routes: login, refresh, logout, sessions, revocation.
 * @module koa-authx/router
 */
export { authRouter } from './auth-router.js'
export {
  type AuthRouterOpenApi,
  type AuthRouterOpenApiOptions,
  authRouterOpenapi,
  type OpenApiOperation,
  type OpenApiPathParameter,
  type OpenApiRouteSchema,
} from './openapi.js'
export type {
  AfterLogin,
  AuthRouterBefore,
  AuthRouterOptions,
  AuthRouterPaths,
  CompletedLogin,
  Login,
  LoginResult,
  SessionRule,
  SessionsOptions,
} from './options.js'
