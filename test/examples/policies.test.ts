import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { Client } from './client.js'

process.env.PORT = '0'
const { server } = await import('../../examples/policies.js')
const client = await Client.of(server)

const tokenOf = async (role?: string) => (await client.login({ role })).body.access_token

describe('examples/policies.ts', () => {
  after(() => server.close())

  test('owners read and change their documents, but for archived ones', async () => {
    const token = await tokenOf()
    assert.equal((await client.get('/documents/1', { token })).body.text, 'mine')
    const changed = await client.put('/documents/1', { token, json: { text: 'changed' } })
    assert.deepEqual([changed.status, changed.body.text], [200, 'changed'])
    assert.equal((await client.get('/documents/3', { token })).status, 200)
    assertDenied(await client.put('/documents/3', { token, json: { text: 'changed' } }))
  })

  test('others read and change nothing, and learn not even what there is', async () => {
    const token = await tokenOf()
    for (const id of ['2', '4']) {
      assertDenied(await client.get(`/documents/${id}`, { token }))
      assertDenied(await client.put(`/documents/${id}`, { token, json: { text: 'changed' } }))
    }
  })

  test('editors read everything, and change no more than others', async () => {
    const token = await tokenOf('editor')
    assert.equal((await client.get('/documents/2', { token })).body.text, 'not mine')
    assertDenied(await client.put('/documents/2', { token, json: { text: 'changed' } }))
    assert.deepEqual((await client.get('/documents', { token })).body, ['1', '2', '3'])
    assert.deepEqual((await client.get('/documents', { token: await tokenOf() })).body, ['1', '3'])
  })

  test('every spelling of the path asks for a token', async () => {
    for (const path of ['/documents/1', '/documents/1/', '/DOCUMENTS/1', '/documents/%31', '/documents']) {
      assert.equal((await client.get(path)).body.error_type, 'MissingTokenError', path)
    }
  })

  function assertDenied({ status, body, headers }: Awaited<ReturnType<typeof client.get>>): void {
    assert.deepEqual([status, body], [403, { message: 'Access was denied', error_type: 'PolicyDeniedError' }])
    assert.equal(headers.get('www-authenticate'), null)
  }
})
