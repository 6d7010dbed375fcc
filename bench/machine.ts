import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { versionOf } from './footprint.js'
import { canPin } from './pinned.js'

const COMPARED = [
  'koa',
  '@koa/router',
  'jsonwebtoken',
  '@keyv/redis',
  'koa-jwt',
  'express',
  'express-jwt',
  'passport',
  'passport-jwt',
  'fastify',
  '@fastify/jwt',
]

/** What the figures were measured on and with. */
export function machineText(programs: readonly string[]): string {
  const [cpu] = cpus()
  const pinned = canPin
    ? 'The servers under load share a core; wrk, Redis and PostgreSQL share another.'
    : 'Nothing is pinned to a core here.'
  const versions = programs.map(program => firstLine(program, '--version'))
  const tools = [`Node ${process.versions.node}`, firstLine('wrk', '-v'), ...versions]
  return [
    `${cpus().length} cores, ${cpu?.model.trim()}, ${process.platform}. ${pinned}`,
    '',
    `${tools.join('; ')}.`,
    '',
    `${COMPARED.map(name => `${name} ${versionOf(name)}`).join(', ')}.`,
  ].join('\n')
}

/** wrk says its version together with how it is called, and ends with 1. */
function firstLine(command: string, option: string): string {
  const { stdout } = spawnSync(command, [option], { encoding: 'utf8' })
  return (
    stdout
      .split('\n')[0]
      ?.replace(/ (Copyright|sha=|\[).*$/, '')
      .trim() ?? ''
  )
}
