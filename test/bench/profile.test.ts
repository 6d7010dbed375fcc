import assert from 'node:assert/strict'
import type { Profiler } from 'node:inspector'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { profileText, timesOf } from '../../bench/profile.js'

const file = (path: string) => pathToFileURL(`/somewhere/${path}`).href

function node(id: number, functionName: string, url: string, children: number[] = []): Profiler.ProfileNode {
  return { id, callFrame: { functionName, scriptId: '0', url, lineNumber: 9, columnNumber: 0 }, children }
}

const profile: Profiler.Profile = {
  nodes: [
    node(1, '(root)', '', [2, 6]),
    node(2, 'guard', file('dist/src/guards/token-guards.js'), [3]),
    node(3, 'guard', file('dist/src/guards/token-guards.js'), [4, 5]),
    node(4, 'verify', file('bench/node_modules/jsonwebtoken/verify.js')),
    node(5, 'writev', ''),
    node(6, '(idle)', ''),
    node(7, '', file('bench/node_modules/@koa/router/dist/index.mjs')),
    node(8, 'nextTick', 'node:internal/process/task_queues'),
    node(9, 'dispatch', ''),
  ],
  startTime: 0,
  endTime: 0,
  samples: [2, 3, 4, 5, 6, 7, 8, 9],
  timeDeltas: [1, 2, 4, 8, 1000, 16, 32, 1000],
}

describe('the times of a profile', () => {
  test('are those of functions without what they call, the longest first, without the idle time and that of the profiler', () => {
    const { functions, all } = timesOf(profile)
    assert.equal(all, 63)
    assert.deepEqual(functions, [
      { place: 'nextTick node:internal/process/task_queues:10', microseconds: 32 },
      { place: '(anonymous) @koa/router/dist/index.mjs:10', microseconds: 16 },
      { place: 'writev', microseconds: 8 },
      { place: 'verify jsonwebtoken/verify.js:10', microseconds: 4 },
      { place: 'guard koa-authx/src/guards/token-guards.js:10', microseconds: 3 },
    ])
  })

  test('are added up for each package', () => {
    assert.deepEqual(
      timesOf(profile).packages.map(({ place }) => place),
      ['node', '@koa/router', '(native)', 'jsonwebtoken', 'koa-authx/src/guards'],
    )
  })

  test("of the library's functions are told with what they call, once for a function that calls itself", () => {
    assert.deepEqual(timesOf(profile).library, [
      { place: 'guard koa-authx/src/guards/token-guards.js:10', microseconds: 15 },
    ])
  })

  test('are shares in the text', () => {
    assert.match(profileText(profile, 2), / 50\.8 % {2}node\n/)
    assert.doesNotMatch(profileText(profile, 2), /writev/)
  })
})
