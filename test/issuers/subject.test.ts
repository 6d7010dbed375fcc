import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AuthX, type AuthXOptions, type SubjectGetter } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { appOf, bearer, makeAuthX, serve, TEST_SECRET, warningsOf } from '../support/app.js'
import { issuerServer } from '../support/issuer-server.js'

test('the subject getter gets the issuer of a token, so that two persons with one sub stay two', async t => {
  const server = await issuerServer(t)
  const issuers = [remoteIssuer({ issuer: server.issuer, audience: 'my-api' })]
  const authx = makeAuthX({ issuers, store: new MemoryTokenStore() })
  authx.setSubjectGetter((sub, _ctx, issuer) => ({ id: issuer === undefined ? sub : `${issuer}#${sub}` }))
  const app = appOf(authx.middleware(), authx.subjectRequired(), ctx => {
    ctx.body = ctx.state.subject
  })
  const client = await serve(t, app)
  const own = (await authx.createTokenPair('ada')).access_token
  assert.deepEqual((await client({ headers: [bearer(own)] })).json, { id: 'ada' })
  assert.deepEqual((await client({ headers: [bearer(await server.token())] })).json, { id: `${server.issuer}#ada` })
})

describe('a subject getter that does not read the issuer', () => {
  const remote = (name: string) => remoteIssuer({ issuer: `https://${name}.example`, audience: 'my-api' })
  const forgetful: SubjectGetter<object> = sub => ({ sub })
  const codes = async (options: AuthXOptions, getter: SubjectGetter<object>) => {
    const given = await warningsOf(async () => {
      new AuthX({ store: new MemoryTokenStore(), ...options }).setSubjectGetter(getter)
    })
    return given.map(({ code }) => code)
  }

  test('causes no warning where all tokens are of one party', async () => {
    assert.deepEqual(await codes({ secretKey: TEST_SECRET }, forgetful), [])
    assert.deepEqual(await codes({ issuers: [remote('one')] }, forgetful), [])
  })

  test('causes no warning if it passes all arguments on', async () => {
    const both = { secretKey: TEST_SECRET, issuers: [remote('one')] }
    assert.deepEqual(await codes(both, (...all) => ({ all })), [])
    assert.deepEqual(await codes(both, (sub, _ctx, issuer) => ({ sub, issuer })), [])
    assert.deepEqual(await codes(both, (sub, _ctx, issuer = 'ours') => ({ sub, issuer })), [])
  })

  test('causes a process warning where an issuer and our own keys, or two issuers, name persons', async () => {
    assert.deepEqual(await codes({ issuers: [remote('one'), remote('two')] }, forgetful), ['AUTHX_SUBJECT_ISSUER'])
  })
})
