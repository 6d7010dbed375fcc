import jsonwebtoken from 'jsonwebtoken'
import type { AdoptClaims } from '../../src/index.js'
import { bearer, type Client, type Sent, TEST_SECRET } from '../support/app.js'
import { blocksOf, readPage } from '../support/markdown.js'

export const page = readPage('docs/from-koa-jwt.md')
export const blocks = blocksOf(page)

export const PAGE_SECRET = 'for this page only, 32 bytes or more'
export const NOW = Math.floor(Date.now() / 1000)

/** A token of a program of koa-jwt. */
export const token = (claims: object = {}) =>
  jsonwebtoken.sign({ sub: 'ada', ...claims }, TEST_SECRET, { expiresIn: '1h' })
export const asAccess: AdoptClaims = claims => ({ ...claims, type: 'access' })

export const withToken = (client: Client, each: string, more: Sent = {}) => client({ headers: [bearer(each)], ...more })
