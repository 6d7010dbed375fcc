/**
 * Documents: owners may change them, editors may read them, and nobody may change an archived one. The rules are in one
 * place; the routes only name the action and the resource.
 *
 *     npx tsx examples/policies.ts
 *     curl http://localhost:8000/login -d username=test -d password=test
 *     curl http://localhost:8000/documents/1 -H 'Authorization: Bearer <access_token>'
 *     curl -X PUT http://localhost:8000/documents/1 -H 'Authorization: Bearer <access_token>' -d text=changed
 *     curl -X PUT http://localhost:8000/documents/2 -H 'Authorization: Bearer <access_token>' -d text=refused
 */
import { randomBytes } from 'node:crypto'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthX, PolicyEngine } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { koaBody } from 'koa-body'
import { checkPassword } from './check-password.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const documents = new Map([
  ['1', { owner: 'test', text: 'mine', archived: false }],
  ['2', { owner: 'somebody', text: 'not mine', archived: false }],
  ['3', { owner: 'test', text: 'mine, long ago', archived: true }],
])

const authx = new AuthX<{ role: string }>({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
})

const rules = new PolicyEngine({
  rules: [
    {
      name: 'owners do everything',
      effect: 'allow',
      actions: ['documents:*'],
      resources: ['documents:*'],
      evaluators: [({ payload, resourceAttrs }) => resourceAttrs.owner === payload?.sub],
    },
    {
      name: 'editors read everything',
      effect: 'allow',
      actions: ['documents:read'],
      resources: ['documents:*'],
      conditions: [{ source: 'subject', key: 'role', value: 'editor' }],
    },
    {
      name: 'archived documents stay as they are',
      effect: 'deny',
      actions: ['documents:edit'],
      resources: ['documents:*'],
      // If the document does not exist, the attribute is missing, and a deny rule applies.
      conditions: [{ source: 'resource', key: 'archived', value: true }],
    },
  ],
})
authx.setPolicyEngine(rules)

/** Guard for a route of one document. The id is a separate part of the list: an id with `:` or `*` is denied. */
const mayDo = (action: string) =>
  authx.policyRequired(action, ctx => ['documents', ctx.params.id], {
    resourceAttrs: ctx => documents.get(ctx.params.id),
  })

const router = new Router()

router.post('/login', koaBody(), async ctx => {
  const username = checkPassword(ctx)
  const { role } = ctx.request.body as { role?: unknown }
  // A real application loads the role from its database. Users must not choose it.
  ctx.body = await authx.login(ctx, username, { data: { role: role === 'editor' ? 'editor' : 'reader' } })
})

router.get('/documents/:id', mayDo('documents:read'), ctx => {
  ctx.body = documents.get(String(ctx.params.id))
})

router.put('/documents/:id', mayDo('documents:edit'), koaBody(), ctx => {
  const document = documents.get(String(ctx.params.id))
  const { text } = ctx.request.body as { text?: unknown }
  if (document) document.text = String(text)
  ctx.body = document
})

// For a list, call the engine for each document in the handler.
router.get('/documents', authx.accessTokenRequired(), async ctx => {
  const { token } = ctx.state
  const readable: string[] = []
  for (const [id, document] of documents) {
    const question = { action: 'documents:read', resource: ['documents', id], payload: token, subject: token }
    if ((await rules.evaluate({ ...question, resourceAttrs: document })).allowed) readable.push(id)
  }
  ctx.body = readable
})

const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
