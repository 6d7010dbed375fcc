import type { Server } from 'node:http'
import express, { type ErrorRequestHandler, type Request, type RequestHandler } from 'express'
import { expressjwt } from 'express-jwt'
import passport from 'passport'
import { ExtractJwt, Strategy } from 'passport-jwt'
import { ANYBODY, answerTo, LOOPBACK, plainTokens, SECRET, SECRET_KEY } from './common.js'
import type { StartVariant, Variant } from './protocol.js'

export function serveExpress(before: readonly RequestHandler[], sub: (request: Request) => string): Server {
  const app = express()
  app.get('/protected', ...before, (request, response) => {
    response.json(answerTo(sub(request)))
  })
  // Express's own handler prints every refusal.
  const refuses: ErrorRequestHandler = (error, _request, response, _next) => {
    response.status(error.status ?? 500).end()
  }
  return app.use(refuses).listen(0, LOOPBACK)
}

// biome-ignore lint/suspicious/noExplicitAny: each guard puts something else there
const subIn = (place: 'auth' | 'user') => (request: any) => request[place].sub

const guardedBy = (guard: RequestHandler, place: 'auth' | 'user'): Variant => ({
  server: serveExpress([guard], subIn(place)),
  tokens: plainTokens,
})

export const open: StartVariant = () => ({ server: serveExpress([], () => ANYBODY) })

/** The floor of refusals. */
export const unauthorized: StartVariant = () => ({
  server: serveExpress([(_request, response) => void response.status(401).end()], () => ANYBODY),
})

/** express-jwt as its documentation has it. */
export const jwtString: StartVariant = () => guardedBy(expressjwt({ secret: SECRET, algorithms: ['HS256'] }), 'auth')

export const jwtKeyObject: StartVariant = () =>
  guardedBy(expressjwt({ secret: SECRET_KEY, algorithms: ['HS256'] }), 'auth')

/** passport-jwt as its documentation has it, but for the look-up of a user. */
export const passportString: StartVariant = () => guardedByPassport(SECRET)

/** Its types do not allow a KeyObject; jsonwebtoken, to which it is handed on, does. */
export const passportKeyObject: StartVariant = () => guardedByPassport(SECRET_KEY as unknown as string)

function guardedByPassport(secretOrKey: string): Variant {
  const jwtFromRequest = ExtractJwt.fromAuthHeaderAsBearerToken()
  const options = { jwtFromRequest, secretOrKey, algorithms: ['HS256' as const] }
  passport.use(new Strategy(options, (payload, done) => done(null, payload)))
  return guardedBy(passport.authenticate('jwt', { session: false }), 'user')
}
