import type { Group } from '../row.js'
import { cookies } from './cookies.js'
import { flows, logins } from './flows.js'
import { guards, guardsOfOthers } from './guards.js'
import { refusals } from './refusals.js'
import { sessions } from './sessions.js'

/** Every row. The rows of a group are measured in turns, so a group does not have too many servers. */
export const groups: readonly Group[] = [guards, guardsOfOthers, cookies, refusals, flows, logins, sessions]
