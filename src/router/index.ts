export { authRouter } from './auth-router.js'
export type { AuthRouterOptions, AuthRouterPaths, Login, LoginResult } from './options.js'
