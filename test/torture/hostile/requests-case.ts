import { Broken, type Outcome, type Pass } from '../case.js'
import { randomOf, SEED } from '../fleet/random.js'
import { setupOf } from './instances.js'
import { type Stage, stageOf } from './scene.js'
import { Trial } from './trial.js'

const EVERYWHERE = ['headers', 'cookies', 'json', 'query'] as const

/** One server for each way of being configured. */
const STAGES: readonly Stage[] = [
  stageOf('HS256 in the header', setupOf('HS256')),
  stageOf('RS256 in the header', setupOf('RS256')),
  stageOf('ES256 in the header', setupOf('ES256')),
  stageOf('named keys', setupOf('named keys')),
  stageOf('a key per tenant', setupOf('a key per tenant')),
  stageOf('a header without a scheme', setupOf('HS256'), { headerName: 'X-Token', headerType: '' }),
  stageOf('cookies with CSRF', setupOf('HS256'), { access: ['cookies'], refresh: ['cookies'] }),
  stageOf('all locations', setupOf('HS256'), { access: EVERYWHERE, refresh: EVERYWHERE }),
]

const IN_JSON = ['json', 'cookies'] as const

/** And for each way of looking into bodies, which koa-body has parsed. */
const STAGES_WITH_BODIES: readonly Stage[] = [
  stageOf('JSON bodies', setupOf('HS256'), { access: ['json'], refresh: ['json'] }, true),
  stageOf(
    'JSON bodies and all else',
    setupOf('ES256'),
    { access: EVERYWHERE, refresh: EVERYWHERE, csrfCheckForm: true },
    true,
  ),
  stageOf(
    'CSRF values in forms',
    setupOf('HS256'),
    { access: ['cookies'], refresh: IN_JSON, csrfCheckForm: true },
    true,
  ),
]

/** To each server. */
const REQUESTS: Readonly<Record<Pass, number>> = { full: 6000, short: 200 }

export const deformedRequests = (pass: Pass) => tryAll(STAGES, pass, 100)

export const deformedBodies = (pass: Pass) => tryAll(STAGES_WITH_BODIES, pass, 200)

async function tryAll(stages: readonly Stage[], pass: Pass, first: number): Promise<Outcome> {
  const broken = new Broken()
  const trials: Trial[] = []
  for (const [n, stage] of stages.entries()) {
    const trial = await Trial.open(stage, randomOf(first + n), broken)
    trials.push(trial)
    await trial.run(REQUESTS[pass])
  }
  const sum = (name: 'count' | 'passed' | 'unseen') => trials.reduce((total, trial) => total + trial[name], 0)
  const seen = [
    `${stages.length} servers, seed ${SEED}`,
    `${sum('passed')} were let through`,
    `${sum('unseen')} were refused by Node itself`,
  ]
  return { count: sum('count'), seen: seen.join('; '), broken: broken.lines }
}
