import type { PolicyCondition, PolicyRequest, PolicyRule, TokenPayload } from '../../src/index.js'
import { PolicyEngine } from '../../src/index.js'

/** The payload of a token, as if it had been verified. */
export const payloadOf = (claims: Record<string, unknown> = {}): TokenPayload => ({
  sub: 'test',
  jti: 'TEST-jti',
  type: 'access',
  iat: 1_767_225_600,
  exp: 1_767_226_500,
  ...claims,
})

export const READ: PolicyRequest = { action: 'documents:read', resource: 'documents:1', payload: payloadOf() }

export const ALLOW = { effect: 'allow', actions: ['*'], resources: ['*'] } as const satisfies PolicyRule
export const DENY = { effect: 'deny', actions: ['*'], resources: ['*'] } as const satisfies PolicyRule

export async function isAllowed(rules: readonly PolicyRule[], request: PolicyRequest = READ): Promise<boolean> {
  return (await new PolicyEngine({ rules }).evaluate(request)).allowed
}

/** What a condition comes to, as seen from outside: whether it satisfies an allow rule, and whether it lets a deny rule go. */
export async function verdictsOf(
  condition: PolicyCondition,
  request: PolicyRequest,
): Promise<'holds' | 'does not hold' | 'cannot be told'> {
  const conditions = [condition]
  const satisfies = await isAllowed([{ ...ALLOW, conditions }], request)
  const lets = await isAllowed([ALLOW, { ...DENY, conditions }], request)
  if (satisfies && lets) throw new Error('a condition holds and does not')
  if (satisfies) return 'holds'
  return lets ? 'does not hold' : 'cannot be told'
}
