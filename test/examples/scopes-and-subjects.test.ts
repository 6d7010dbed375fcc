import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { audit } from 'koa-authx'
import { type Answer, Client } from './client.js'

process.env.PORT = '0'
const { app, server } = await import('../../examples/scopes-and-subjects.js')

const told = ({ status, body }: Answer) => [status, body.error_type]

describe('examples/scopes-and-subjects.ts', () => {
  after(() => server.close())

  test('guards all but the login and the news', () => {
    const { routes, unprotected, unsafe } = audit(app)
    assert.deepEqual(unprotected, ['POST /login', 'GET /news'])
    assert.deepEqual(unsafe, [])
    assert.deepEqual(
      routes.flatMap(({ method, path, guards }) => guards.map(guard => `${method} ${path}: ${guard}`)),
      [
        'GET /reports: scopesRequired(reports:read)',
        'GET /audit: anyScopeRequired(admin:audit, auditor)',
        'GET /profile: subjectRequired',
        'DELETE /profile: freshTokenRequired',
      ],
    )
  })

  test('serves by scope, by subject, and anybody where anybody may pass', async () => {
    const client = await Client.of(server)
    assert.deepEqual((await client.get('/news')).body, { news: 'for everybody' })
    assert.deepEqual(told(await client.get('/news', { token: 'forged' })), [401, 'JWTDecodeError'])

    const token = (await client.login()).body.access_token
    assert.deepEqual((await client.get('/news', { token })).body, { news: 'for test' })
    assert.deepEqual((await client.get('/reports', { token })).body, { scopes: ['reports:*'] })
    const audit = await client.get('/audit', { token })
    assert.deepEqual(told(audit), [403, 'InsufficientScopeError'])
    assert.match(audit.headers.get('www-authenticate') ?? '', /scope="admin:audit auditor"/)

    assert.deepEqual((await client.get('/profile', { token })).body, { name: 'Tess' })
    assert.equal((await client.delete('/profile', { token })).status, 204)
    assert.deepEqual(told(await client.get('/profile', { token })), [401, 'SubjectNotFoundError'])
  })
})
