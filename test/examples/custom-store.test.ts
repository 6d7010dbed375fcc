import { after, describe, test } from 'node:test'
import { testTokenStore } from 'koa-authx/testing'
import { Client } from './client.js'
import { testHeaderLife } from './header-life.js'

process.env.PORT = '0'
const { MapTokenStore, server } = await import('../../examples/custom-store.js')
const client = await Client.of(server)

describe('examples/custom-store.ts', () => {
  after(() => server.close())
  testHeaderLife(() => client)

  describe('its store', () => {
    const records = new Map()
    testTokenStore({ test, createStore: () => new MapTokenStore(records), prefixes: false })
  })
})
