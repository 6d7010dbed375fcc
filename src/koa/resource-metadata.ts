import type { Context, Middleware } from 'koa'
import type { Internals } from '../authenticate/internals.js'
import type { Config } from '../config/table.js'
import { isAllowedUrl, URL_RULE } from '../config/urls.js'
import { checkNames } from '../config/values.js'
import { BadConfigurationError } from '../errors.js'
import { pathOfTarget } from '../request/target.js'
import { isScope } from '../token/scopes.js'
import { publicDocument, servePublicly } from './public-document.js'

/** Options of `resourceMetadata`. */
export interface ResourceMetadataOptions {
  /**
   * The URL of the resource that this instance protects, as clients write it: `https://api.example/mcp`. It needs https
   * (http only for localhost), and has no query and no fragment. Issuers that know resource indicators (RFC 8707) write
   * it into `aud`: set it as `audience` of `remoteIssuer` too.
   */
  resource: string
  /** The scopes that clients may ask the issuers for: `scopes_supported`. Default: the document does not name scopes. */
  scopes?: readonly string[] | undefined
}

const OPTIONS = new Set(['resource', 'scopes'])

/** The path before the path of the resource (RFC 9728 §3). */
const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** Makes the middleware that serves the metadata of the resource. @throws BadConfigurationError, TypeError. */
export function resourceMetadata(internals: Internals, options: ResourceMetadataOptions): Middleware {
  checkOptions(options)
  const { resource, scopes } = options
  const document = publicDocument(metadataOf(internals, resource, scopes), 'application/json')
  const path = wellKnownPath(resource)
  internals.resource = publish(internals.resource, { resource, metadataUrl: new URL(path, resource).href })
  return function resourceMetadata(ctx, next) {
    if (pathOfTarget(ctx.url) !== path) return next()
    // The document is public and contains nothing of the caller, so that pages of every site may read it.
    ctx.set('Access-Control-Allow-Origin', '*')
    if (ctx.method === 'GET' || ctx.method === 'HEAD') servePublicly(ctx as unknown as Context, document)
    else if (ctx.method === 'OPTIONS') allow(ctx as unknown as Context)
    else refuseMethod(ctx as unknown as Context)
  }
}

/** @throws TypeError naming the invalid option. */
function checkOptions(options: ResourceMetadataOptions): void {
  checkNames(options, OPTIONS, 'resourceMetadata')
  const { resource, scopes } = options
  if (!isAllowedUrl(resource) || /[?#]/.test(resource)) {
    throw new TypeError(`resourceMetadata: resource must be ${URL_RULE}, without query and fragment`)
  }
  // Clients compare the resource as text (RFC 9728 §3.3).
  const { href } = new URL(resource)
  if (resource !== href && `${resource}/` !== href) {
    throw new TypeError(
      'resourceMetadata: resource must be written as clients write it: host in lower case, no default port, no dot ' +
        'segments, other characters encoded',
    )
  }
  if (scopes !== undefined && !(Array.isArray(scopes) && scopes.length > 0 && scopes.every(isScope))) {
    throw new TypeError(
      'resourceMetadata: scopes must be a non-empty list of scopes: printable ASCII without spaces, quotes and backslashes',
    )
  }
}

/** Returns the document (RFC 9728 §2). @throws BadConfigurationError naming what the instance lacks. */
function metadataOf({ issuers, config }: Internals, resource: string, scopes: readonly string[] | undefined): object {
  const servers = issuers?.all.map(({ issuer }) => issuer.issuer) ?? []
  const methods = bearerMethods(config)
  const rules: [isWrong: boolean, problem: string][] = [
    [
      servers.length === 0,
      'resourceMetadata needs issuers, or clients would not know where to get tokens; set ' +
        'issuers: [remoteIssuer({ issuer, audience })]',
    ],
    [!servers.every(isAllowedUrl), `resourceMetadata needs issuers whose issuer is ${URL_RULE}; clients read from it`],
    [
      methods.length === 0,
      "resourceMetadata needs a location of access tokens that OAuth clients know; add 'headers' to tokenLocation, with " +
        "headerName 'Authorization' and headerType 'Bearer'",
    ],
  ]
  const problems = rules.filter(([isWrong]) => isWrong).map(([, problem]) => problem)
  if (problems.length > 0) throw new BadConfigurationError(problems)
  return {
    resource,
    authorization_servers: servers,
    ...(scopes && { scopes_supported: [...new Set(scopes)] }),
    bearer_methods_supported: methods,
  }
}

/**
 * Returns the locations of access tokens that RFC 6750 defines. Cookies and JSON bodies are not among them, nor are other
 * names of the header or of the query parameter.
 */
function bearerMethods({ tokenLocation: { access }, headerName, headerType, queryStringName }: Config): string[] {
  const isBearer = headerName.toLowerCase() === 'authorization' && headerType.toLowerCase() === 'bearer'
  return [
    ...(access.includes('headers') && isBearer ? ['header'] : []),
    ...(access.includes('query') && queryStringName === 'access_token' ? ['query'] : []),
  ]
}

/** The path of the metadata (RFC 9728 §3.1). A resource without a path has no slash at the end here. */
function wellKnownPath(resource: string): string {
  const { pathname } = new URL(resource)
  return pathname === '/' ? WELL_KNOWN : `${WELL_KNOWN}${pathname}`
}

/** @throws BadConfigurationError for a second resource: the challenge of a guard could not tell which one it protects. */
function publish(
  published: Internals['resource'],
  resource: NonNullable<Internals['resource']>,
): NonNullable<Internals['resource']> {
  if (!published || published.resource === resource.resource) return resource
  throw new BadConfigurationError([
    'resourceMetadata: this instance has another resource already; create an AuthX for each resource',
  ])
}

/** Answers the question of a browser before a request with headers of its own, such as `MCP-Protocol-Version`. */
function allow(ctx: Context): void {
  ctx.status = 204
  ctx.set({ 'Access-Control-Allow-Methods': 'GET, HEAD', 'Access-Control-Allow-Headers': '*', Allow: METHODS })
}

function refuseMethod(ctx: Context): void {
  ctx.status = 405
  ctx.set('Allow', METHODS)
}

const METHODS = 'GET, HEAD, OPTIONS'
