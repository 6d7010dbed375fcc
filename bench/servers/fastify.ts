import fastifyJwt, { type FastifyJWTOptions } from '@fastify/jwt'
import createFastify, { type FastifyInstance } from 'fastify'
import { ANYBODY, answerTo, LOOPBACK, plainTokens, SECRET } from './common.js'
import type { StartVariant, Variant } from './protocol.js'

export const open: StartVariant = async () => {
  const fastify = createFastify()
  fastify.get('/protected', async () => answerTo(ANYBODY))
  return { server: await listening(fastify) }
}

/** The floor of refusals: the response of @fastify/jwt. */
export const unauthorized: StartVariant = async () => {
  const fastify = createFastify()
  const body = {
    statusCode: 401,
    code: 'FST_JWT_AUTHORIZATION_TOKEN_INVALID',
    error: 'Unauthorized',
    message: 'Authorization token is invalid: The token signature is invalid.',
  }
  fastify.get('/protected', (_request, reply) => reply.code(401).send(body))
  return { server: await listening(fastify) }
}

/** As its documentation has it. */
export const jwt: StartVariant = () => guarded({})

/** With its cache of verified tokens, which is off unless asked for. */
export const jwtCached: StartVariant = () => guarded({ cache: true })

async function guarded(verify: NonNullable<FastifyJWTOptions['verify']>): Promise<Variant> {
  const fastify = createFastify()
  await fastify.register(fastifyJwt, { secret: SECRET, verify })
  fastify.get('/protected', { onRequest: async request => void (await request.jwtVerify()) }, async request =>
    answerTo((request.user as { sub: string }).sub),
  )
  return { server: await listening(fastify), tokens: plainTokens }
}

async function listening(fastify: FastifyInstance): Promise<Variant['server']> {
  await fastify.listen({ port: 0, host: LOOPBACK })
  return fastify.server
}
