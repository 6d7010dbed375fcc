/**
 * Metrics of logins for Prometheus, with prom-client: counters from events, and the time of store operations from a
 * tracing channel.
 *
 *     npx tsx examples/metrics.ts
 *     curl http://localhost:8000/login -d username=test -d password=test
 *     curl http://localhost:8000/metrics
 */
import { randomBytes } from 'node:crypto'
import { tracingChannel } from 'node:diagnostics_channel'
import Router from '@koa/router'
import { AuthX, type StoreTrace } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { Counter, Histogram, Registry } from 'prom-client'
import { createApp } from './app.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
})

const registry = new Registry()

// Labels have few values: names of events and codes of errors. Ids of users and sessions do not belong into labels.
const events = new Counter({
  name: 'authx_events_total',
  help: 'Events of sessions',
  labelNames: ['event'],
  registers: [registry],
})
const refused = new Counter({
  name: 'authx_refused_total',
  help: 'Refused requests, by the code of the error',
  labelNames: ['reason'],
  registers: [registry],
})
const storeSeconds = new Histogram({
  name: 'authx_store_seconds',
  help: 'Time of store operations, with all their calls',
  labelNames: ['operation', 'outcome'],
  buckets: [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 1],
  registers: [registry],
})

for (const event of ['issued', 'refreshed', 'replayed', 'reuse', 'revoked', 'allRevoked', 'storeError'] as const)
  authx.on(event, () => events.inc({ event }))
authx.on('refused', ({ reason }) => refused.inc({ reason }))

// One trace object is used from start to end, so it can be the key for the timer.
const timers = new WeakMap<object, ReturnType<typeof storeSeconds.startTimer>>()
const store = tracingChannel<unknown, StoreTrace>('koa-authx:store')
store.start.subscribe(trace => void timers.set(trace as StoreTrace, storeSeconds.startTimer()))
store.asyncEnd.subscribe(message => {
  const trace = message as StoreTrace
  timers.get(trace)?.({ operation: trace.operation, outcome: trace.error ? 'error' : 'done' })
})

const router = new Router()
// In production serve metrics on a port of their own.
router.get('/metrics', async ctx => {
  ctx.type = registry.contentType
  ctx.body = await registry.metrics()
})

// Login, refresh and logout are in app.ts.
export const server = createApp(authx).use(router.routes()).listen(Number(PORT), HOST)
