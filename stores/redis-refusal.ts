/** An error with a message of this package. It contains no keys, addresses or passwords, so it may be shown. */
export class RedisStoreError extends Error {}

export const TOO_MANY = 'too many calls wait'

export function outOfReach(causes: readonly (string | undefined)[]): RedisStoreError {
  return new RedisStoreError(`Redis cannot be reached: ${[...new Set(causes)].filter(Boolean).join(', ')}`)
}

/** The commands that the Redis user must be allowed to run. The script runs `TIME`, `GET` and `SET`. */
const COMMANDS = ['get', 'set', 'eval', 'evalsha', 'time']

/**
 * Describes an error reply of Redis; `undefined` for an error that is not a reply. Only the first word of a reply is
 * shown, because the rest may contain keys, users and hosts. `prefix`: the prefix of the store's keys.
 */
export function refusalOf(error: unknown, prefix: string): string | undefined {
  if (!(error instanceof Error)) return undefined
  const missing = missingPermission(error.message, prefix)
  if (missing === undefined) return unknownCommand(error.message) ?? wordOf(error)
  const all = [keysOf(prefix), ...COMMANDS.map(rule)].join(' ')
  return `NOPERM: ${missing}. The ACL rules that the store needs: ${all}`
}

/**
 * Describes the reply "unknown command"; `undefined` for another reply. Old servers, services with Redis's protocol and
 * servers with renamed commands send it. Only the command is shown, because the rest of the reply contains arguments.
 */
function unknownCommand(message: string): string | undefined {
  const [, command] = /^ERR unknown (?:sub)?command (?:or .* for )?['`]([a-z_-]+)['`]/i.exec(message) ?? []
  return command && `ERR: it does not know the command '${command.toLowerCase()}'`
}

/** The first word of an error reply, such as `READONLY`, `OOM` or `WRONGPASS`. */
function wordOf(error: Error): string | undefined {
  return /^-?([A-Z]{2,}) /.exec(error.message)?.[1]
}

/**
 * Returns the ACL rule that is missing, such as `+get` or `~authx:*`; `undefined` for an error about something else.
 * `commandRule`: the rule for the command that was refused.
 */
export function missingRule(error: Error, commandRule: string, prefix: string): string | undefined {
  if (missingPermission(error.message, prefix) === undefined) return undefined
  // The script runs no other command before it compares the deadline.
  if (/\bin script\b|executing the script/i.test(error.message)) return rule('time')
  return /no permissions to run the /i.test(error.message) ? commandRule : keysOf(prefix)
}

/**
 * Returns which permission is missing; `undefined` for another error. Redis 6, Redis 7 and Valkey have different
 * messages. Redis 7.0 does not name the command if a script runs it.
 */
function missingPermission(message: string, prefix: string): string | undefined {
  const [, command] = /no permissions to run the '([a-z|_-]+)' command/i.exec(message) ?? []
  if (command !== undefined) return `the user may not run '${command}'; add ${rule(command)} to its ACL rules`
  if (/the script can't run this command/i.test(message)) {
    const rules = ['time', 'get', 'set'].map(rule).join(' ')
    return `the user may not run a command of the store's script; add ${rules} to its ACL rules`
  }
  if (/NOPERM .*\bkeys?\b|the script can't access .*\bkeys?\b/i.test(message)) {
    return `the user may not read and write keys that begin with '${prefix}'; add ${keysOf(prefix)} to its ACL rules`
  }
  return undefined
}

const rule = (command: string) => `+${command}`

const keysOf = (prefix: string) => `~${prefix}*`
