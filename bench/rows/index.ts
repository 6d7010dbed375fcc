import { namesIn } from '../aims.js'
import type { Group, Row } from '../row.js'
import { cookies } from './cookies.js'
import { flows, logins } from './flows.js'
import { guards, guardsOfOthers } from './guards.js'
import { refusals } from './refusals.js'
import { sessions } from './sessions.js'

/** Every row. The rows of a group are measured one after another by servers that stay open, so a group does not have too many servers. */
export const groups: readonly Group[] = [guards, guardsOfOthers, cookies, refusals, flows, logins, sessions]

const named = new Set(groups.flatMap(({ rows }) => rows.flatMap(({ aims }) => namesIn(aims))))

/** Whether a row has an aim, or the aim of another row names it. */
export const hasAim = ({ name, aims = [] }: Row): boolean => aims.length > 0 || named.has(name)

/** @throws Error if there is no such row. */
export function rowNamed(name: string): Row {
  const row = groups.flatMap(({ rows }) => rows).find(each => each.name === name)
  if (!row) throw new Error(`there is no row ${name}`)
  return row
}
