import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isAxiosError } from 'axios'
import { axiosFor } from '../../../examples/client/axios.js'
import { ADA, GRACE, recipeServer, withExpiredToken } from './server.js'

describe('axios with a client', () => {
  test('sends the token, and after a refresh the same request again with its body', async t => {
    const server = await recipeServer(t, 'headers')
    const client = server.client()
    const api = axiosFor(client, server.origin)
    await withExpiredToken(server, client)
    const { data } = await api.post('/notes', { text: 'Buy milk' }, { params: { list: 'shop' } })
    assert.deepEqual(data, { sub: 'ada', notes: [{ id: 0, text: 'Buy milk' }] })
    assert.deepEqual([server.count('POST /notes'), server.count('POST /refresh')], [2, 1])
  })

  test('refreshes once for requests that are sent together', async t => {
    const server = await recipeServer(t, 'headers')
    const client = server.client()
    const api = axiosFor(client, server.origin)
    await withExpiredToken(server, client)
    const answers = await Promise.all([api.get('/notes'), api.get('/notes'), api.get('/notes')])
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    )
    assert.equal(server.count('POST /refresh'), 1)
  })

  test('sends a request again once only, and gives the refusal to the caller', async t => {
    const server = await recipeServer(t, 'headers')
    server.router.get('/never', ctx => {
      ctx.status = 401
      ctx.body = { error_type: 'TokenExpiredError' }
    })
    const client = server.client()
    const api = axiosFor(client, server.origin)
    await client.login(ADA)
    await assert.rejects(api.get('/never'), error => isAxiosError(error) && error.response?.status === 401)
    assert.deepEqual([server.count('GET /never'), server.count('POST /refresh')], [2, 1])
  })

  test('does not refresh for a refusal that has nothing to do with time, nor without a login', async t => {
    const server = await recipeServer(t, 'headers')
    server.router.get('/teapot', ctx => {
      ctx.status = 418
    })
    const client = server.client()
    const api = axiosFor(client, server.origin)
    await assert.rejects(api.get('/notes'), error => isAxiosError(error) && error.response?.status === 401)
    await client.login(ADA)
    await assert.rejects(api.get('/teapot'), error => isAxiosError(error) && error.response?.status === 418)
    assert.equal(server.count('POST /refresh'), 0)
  })

  test('does not repeat the request of one user as the next', async t => {
    const server = await recipeServer(t, 'headers')
    const client = server.client()
    const api = axiosFor(client, server.origin)
    await withExpiredToken(server, client)
    const next = { sent: undefined as Promise<unknown> | undefined }
    // Grace logs in while Ada's request is on its way.
    api.interceptors.request.use(config => {
      next.sent ??= client.login(GRACE)
      return config
    })
    await assert.rejects(api.post('/notes', { text: 'of Ada' }), isAxiosError)
    await next.sent
    assert.deepEqual((await api.get('/notes')).data, { sub: 'grace', notes: [] })
  })

  test('sends no token to another origin', async t => {
    const server = await recipeServer(t, 'headers')
    const other = await recipeServer(t, 'headers')
    const seen: unknown[] = []
    other.router.get('/seen', ctx => {
      seen.push(ctx.get('Authorization'))
      ctx.body = {}
    })
    const client = server.client()
    const api = axiosFor(client, server.origin)
    await client.login(ADA)
    await api.get(`${other.origin}/seen`)
    assert.deepEqual(seen, [''])
  })
})
