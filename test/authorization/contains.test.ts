import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PolicyEngine } from '../../src/index.js'

test('a text contains nothing: a longer word does not pass for a list with a shorter one', async () => {
  const condition = { source: 'subject', key: 'roles', operator: 'contains', value: 'admin' } as const
  const common = { actions: ['read'], resources: ['things'], conditions: [condition] }
  const engine = new PolicyEngine({ rules: [{ ...common, effect: 'allow' }] })
  const allowed = async (roles: unknown) =>
    (await engine.evaluate({ action: 'read', resource: 'things', subject: { roles } })).allowed
  assert.equal(await allowed(['admin']), true)
  for (const roles of ['notadmin', 'admin', ['notadmin'], '["admin"]']) assert.equal(await allowed(roles), false)
})
