import type { TestContext } from 'node:test'
import type { AuthX } from '../../../src/index.js'
import { appOf, cookie, serve, TEST_NOW } from '../../support/app.js'
import type { Effect } from './effect.js'

/** Two minutes before a token's end, for tokens that live for fifteen. */
const base = { tokenLocation: ['cookies'], now: () => TEST_NOW } as const

/** Whether `GET /page` renews an access token that has two minutes to live. */
async function renews(authx: AuthX, t: TestContext): Promise<boolean> {
  const page = appOf(authx.middleware(), authx.implicitRefresh(), ctx => {
    ctx.body = 'page'
  })
  const send = await serve(t, page)
  const token = authx.createAccessToken('ada', { renewable: true, expiry: '2m' })
  const { cookies } = await send({ path: '/page', headers: [cookie({ access_token_cookie: token })] })
  return cookies.length > 0
}

/** The options of `implicitRefresh()`. */
export const IMPLICIT_REFRESH_EFFECTS = {
  implicitRefreshRouteExclude: {
    base,
    given: { implicitRefreshRouteExclude: ['/page'] },
    see: renews,
    without: true,
    with: false,
  },
  implicitRefreshRouteInclude: {
    base,
    given: { implicitRefreshRouteInclude: ['/other'] },
    see: renews,
    without: true,
    with: false,
  },
  implicitRefreshMethodExclude: {
    base,
    given: { implicitRefreshMethodExclude: ['get'] },
    see: renews,
    without: true,
    with: false,
  },
  implicitRefreshMethodInclude: {
    base,
    given: { implicitRefreshMethodInclude: ['POST'] },
    see: renews,
    without: true,
    with: false,
  },
  implicitRefreshDeltatime: {
    base,
    given: { implicitRefreshDeltatime: '1m' },
    see: renews,
    without: true,
    with: false,
  },
} satisfies Record<string, Effect>
