import { after, describe } from 'node:test'
import { Client } from './client.js'
import { testHeaderLife } from './header-life.js'

process.env.PORT = '0'
const { server } = await import('../../examples/quickstart.js')
const client = await Client.of(server)

describe('examples/quickstart.ts', () => {
  after(() => server.close())
  testHeaderLife(() => client)
})
