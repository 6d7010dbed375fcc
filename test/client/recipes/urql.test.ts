import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gql } from '@urql/core'
import { buildSchema, graphql } from 'graphql'
import { koaBody } from 'koa-body'
import { urqlFor, urqlOfLogin } from '../../../examples/client/urql.js'
import { ADA, GRACE, type RecipeServer, recipeServer, withExpiredToken } from './server.js'

const schema = buildSchema('type Query { me: String } type Mutation { rename(name: String!): String }')
const ME = gql`{ me }`
const RENAME = gql`mutation ($name: String!) { rename(name: $name) }`

/** Runs GraphQL at `/graphql` for authenticated requests, and at `/open` for all: there the error is in the body. */
function addGraphql({ router, authx }: RecipeServer): void {
  const answer = async (subject: string | undefined, { query, variables }: Record<string, string>) => {
    const unauthenticated = { errors: [{ message: 'Log in', extensions: { code: 'UNAUTHENTICATED' } }] }
    if (subject === undefined) return unauthenticated
    const rootValue = { me: subject, rename: ({ name }: { name: string }) => `${subject} is now ${name}` }
    return graphql({ schema, source: query ?? '', rootValue, variableValues: Object(variables) })
  }
  router.post('/graphql', authx.accessTokenRequired(), koaBody(), async ctx => {
    ctx.body = await answer(ctx.state.token.sub, Object(ctx.request.body))
  })
  router.post('/open', koaBody(), async ctx => {
    ctx.body = await answer(ctx.state.token?.sub, Object(ctx.request.body))
  })
}

for (const path of ['/graphql', '/open']) {
  describe(`urql with a client, at ${path}`, () => {
    test('sends a query and a mutation with a token that is renewed when it has expired', async t => {
      const server = await recipeServer(t, 'headers')
      addGraphql(server)
      const client = server.client()
      const urql = urqlFor(client, server.origin + path)
      await withExpiredToken(server, client)
      assert.deepEqual((await urql.query(ME, {})).data?.me, 'ada')
      server.clock.advance('16m')
      assert.deepEqual((await urql.mutation(RENAME, { name: 'Ada' })).data?.rename, 'ada is now Ada')
      assert.equal(server.count('POST /refresh'), 2)
    })

    test('gives the refusal to the caller once the login is over, and asks no more than that', async t => {
      const server = await recipeServer(t, 'headers')
      addGraphql(server)
      const client = server.client()
      const urql = urqlFor(client, server.origin + path)
      await withExpiredToken(server, client)
      await server.authx.revokeAllSessions('ada')
      for (let n = 0; n < 3; n++) assert.ok((await urql.query(ME, {}, { requestPolicy: 'network-only' })).error)
      assert.equal(client.getState().status, 'unauthenticated')
      assert.equal(server.count('POST /refresh'), 1)
    })
  })
}

test('a user is not shown what the cache has of the user before', async t => {
  const server = await recipeServer(t, 'headers')
  addGraphql(server)
  const client = server.client()
  const urql = urqlOfLogin(client, `${server.origin}/graphql`)
  await client.login(ADA)
  assert.equal((await urql().query(ME, {})).data?.me, 'ada')
  await client.login(GRACE)
  assert.equal((await urql().query(ME, {})).data?.me, 'grace')
})
