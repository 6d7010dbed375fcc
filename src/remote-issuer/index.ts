/**
 * Tokens of identity providers: access tokens that another server has signed with a published key. Requires the package
 * jose.
 * @module koa-authx/issuers
 */

export type { Issuer, IssuerClaims, IssuerClaimsMapper, IssuerTokenHeader } from '../issuer.js'
export type { IssuerAlgorithm, RemoteIssuerOptions } from './options.js'
export { remoteIssuer } from './remote-issuer.js'
