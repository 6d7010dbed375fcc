import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Returns the secret in `folder`. The first call creates it; only this user can read the file. */
export function secretKey(folder: string): string {
  const file = join(folder, 'jwt-secret-key')
  const made = makeFile(file, randomBytes(64).toString('base64url'))
  console.log(`JWT_SECRET_KEY is not set: ${made ? 'created a secret' : 'using the secret'} in ${file}`)
  return readFileSync(file, 'utf8')
}

/** Creates the file, unless it exists. Returns whether it was created. */
function makeFile(file: string, content: string): boolean {
  try {
    writeFileSync(file, content, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
