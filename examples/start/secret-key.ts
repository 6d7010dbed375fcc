import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The secret in `folder`; the first time one is made, for the eyes of this user only. */
export function secretKey(folder: string): string {
  const file = join(folder, 'jwt-secret-key')
  const made = makeFile(file, randomBytes(64).toString('base64url'))
  console.log(`JWT_SECRET_KEY is not set: ${made ? 'made a secret and keep it' : 'using the secret'} in ${file}`)
  return readFileSync(file, 'utf8')
}

/** Whether the file was made; one that is there stays. */
function makeFile(file: string, content: string): boolean {
  try {
    writeFileSync(file, content, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
