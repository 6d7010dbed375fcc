/** A command object of ioredis. */
export interface IoRedisCommand {
  getSlot(): number | null
  toWritable(socket: unknown): unknown
  transformReply(reply: unknown): unknown
  setTimeout(milliseconds: number): void
  reject(error: Error): void
}

/** What `makeCommand` needs of a client. */
interface Maker {
  readonly options: { readonly keyPrefix?: string | Buffer }
  createBuiltinCommand(name: string): { string: unknown }
}

type Send = (this: object, ...args: string[]) => IoRedisCommand

/**
 * Makes a command of ioredis that nothing has sent yet. Keys get the `keyPrefix` of the client. The methods of ioredis
 * for commands (`get`, `evalsha`) are not called, because the options of the client change what they do:
 * `enableAutoPipelining` sends later, `commandTimeout` rejects while the write can still be applied, and a script of
 * the application or a transformer of replies may have the same name.
 */
export function makeCommand(client: Maker, [name = '', ...args]: readonly string[]): IoRedisCommand {
  const send = client.createBuiltinCommand(name.toLowerCase()).string as Send
  const { keyPrefix } = client.options
  const made = send.apply({ options: { keyPrefix }, sendCommand: (command: IoRedisCommand) => command }, args)
  return Object.assign(made, { transformReply: asText, setTimeout: () => {} })
}

/**
 * Makes ioredis send `harmless` in place of `command` as soon as `isOver()`. ioredis sends commands of a lost connection
 * again on the next one. A write must not be applied then: its caller was told that it failed.
 */
export function replaceWhen(isOver: () => boolean, command: IoRedisCommand, harmless: IoRedisCommand): void {
  const toWritable = command.toWritable.bind(command)
  command.toWritable = socket => (isOver() ? harmless.toWritable(socket) : toWritable(socket))
}

function asText(reply: unknown): unknown {
  return Buffer.isBuffer(reply) ? reply.toString() : reply
}
