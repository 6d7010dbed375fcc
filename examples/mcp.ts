/**
 * A server of the Model Context Protocol (MCP): notes, for clients with an access token of your identity provider.
 * Clients find the provider by themselves: they get a 401, read the metadata of the resource (RFC 9728), and ask the
 * provider for a token for this resource.
 *
 *     ISSUER=https://login.example.com npx tsx examples/mcp.ts
 *     curl -i -X POST http://127.0.0.1:8000/mcp
 *     curl http://127.0.0.1:8000/.well-known/oauth-protected-resource/mcp
 */

import Router from '@koa/router'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { CallToolRequest, CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import Koa, { type Middleware } from 'koa'
import { AuthX } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { koaBody } from 'koa-body'
import { z } from 'zod'

const { HOST = '127.0.0.1', PORT = '8000', ISSUER } = process.env
if (!ISSUER) throw new Error('ISSUER is missing: set it to the issuer of your identity provider')
/** The URL of the MCP endpoint, as clients write it. */
const { RESOURCE = `http://${HOST}:${PORT}/mcp` } = process.env

export const authx = new AuthX({
  // Only tokens for this resource: the provider writes it into `aud` (RFC 8707).
  issuers: [remoteIssuer({ issuer: ISSUER, audience: RESOURCE })],
  store: new MemoryTokenStore(),
})

/** The scopes that each tool requires. */
const TOOL_SCOPES = new Map([
  ['list_notes', ['notes:read']],
  ['add_note', ['notes:read', 'notes:write']],
])
const ALL_SCOPES = [...new Set([...TOOL_SCOPES.values()].flat())]

const notes = new Map<string, string[]>()

const says = (text: string): CallToolResult => ({ content: [{ type: 'text', text }] })

/** The MCP server for one request of the user `sub`. */
function mcpServer(sub: string): McpServer {
  const own = () => notes.get(sub) ?? []
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  server.registerTool('list_notes', { description: 'Lists your notes' }, () => says(own().join('\n')))
  server.registerTool(
    'add_note',
    { description: 'Adds a note', inputSchema: { text: z.string().max(1000) } },
    ({ text }) => {
      notes.set(sub, [...own(), text])
      return says('added')
    },
  )
  return server
}

/**
 * Requires the scopes of the tools that the request calls, before MCP answers: only an HTTP status tells the client to
 * ask for more scopes. A tool without an entry requires all scopes. A body may be a list of messages.
 */
const toolScopes: Middleware = (ctx, next) => {
  const messages = [ctx.request.body].flat() as (Partial<CallToolRequest> | null | undefined)[]
  const calls = messages.filter(message => message?.method === 'tools/call')
  const scopes = calls.flatMap(call => TOOL_SCOPES.get(String(call?.params?.name)) ?? ALL_SCOPES)
  return scopes.length > 0 ? authx.scopesRequired(...new Set(scopes))(ctx as never, next) : next()
}

const router = new Router()

router.post('/mcp', authx.accessTokenRequired(), koaBody(), toolScopes, async ctx => {
  const server = mcpServer(ctx.state.token.sub)
  // One transport for each request, without MCP sessions: the access token says who calls.
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
  ctx.res.once('close', () => server.close())
  await server.connect(transport)
  ctx.respond = false
  // Never undefined: the transport would then read a body that koaBody has not read, and run tools without their scopes.
  await transport.handleRequest(ctx.req, ctx.res, ctx.request.body ?? null)
})

export const app = new Koa()
app.use(authx.middleware())
app.use(authx.resourceMetadata({ resource: RESOURCE, scopes: ALL_SCOPES }))
app.use(router.routes())
app.use(router.allowedMethods())

export const server = app.listen(Number(PORT), HOST)
