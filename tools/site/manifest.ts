import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  description: string
  homepage: string
  repository: { url: string }
}

export const DESCRIPTION = manifest.description

/** The address of the site, with a slash at its end. */
export const HOMEPAGE = manifest.homepage

/** The path of the site on its host, with a slash at both ends. */
export const BASE = new URL(HOMEPAGE).pathname

/** The address of the repository. */
export const REPOSITORY = manifest.repository.url.replace(/^git\+|\.git$/g, '')
