/** An error whose message we wrote ourselves, and which may therefore be shown. */
export class RedisStoreError extends Error {}

/** What the user of Redis has to be allowed besides the keys. `TIME` is of the script, and so are its `GET` and `SET`. */
const COMMANDS = ['get', 'set', 'eval', 'evalsha', 'time']

/**
 * Says which refusal an error reply is; undefined for an error that is no reply. What follows the first word of a reply
 * may name keys, users and hosts, and is not shown. `prefix`: that of the store's keys.
 */
export function refusalOf(error: unknown, prefix: string): string | undefined {
  if (!(error instanceof Error)) return undefined
  const missing = missingPermission(error.message, prefix)
  if (missing === undefined) return unknownCommand(error.message) ?? wordOf(error)
  const all = [keysOf(prefix), ...COMMANDS.map(rule)].join(' ')
  return `NOPERM: ${missing}. The ACL rules that the store needs: ${all}`
}

/** Of an old server, a service with Redis's protocol, or a renamed command. What follows the name holds arguments. */
function unknownCommand(message: string): string | undefined {
  const [, command] = /^ERR unknown (?:sub)?command (?:or .* for )?['`]([a-z_-]+)['`]/i.exec(message) ?? []
  return command && `ERR: it does not know the command '${command.toLowerCase()}'`
}

/** The word that begins an error reply (`READONLY`, `OOM`, `WRONGPASS`). */
function wordOf(error: Error): string | undefined {
  return /^-?([A-Z]{2,}) /.exec(error.message)?.[1]
}

/** Redis 6 and 7, and Valkey, say it in words of their own; those of Redis 7.0 do not name a command that a script runs. */
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
