/** The client of the recipes for React, Vue and Svelte. A page has one. */
import { AuthXClient } from 'koa-authx/client'

export const client = new AuthXClient({ tokens: 'cookies' })
