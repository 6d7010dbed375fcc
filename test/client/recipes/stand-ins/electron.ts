/** What Electron 45 documents of `app` and `safeStorage`. The key of the system is in a file. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'

const folder = String(process.env.USER_DATA)
const keyFile = join(folder, 'key-of-the-system')
let isReady = false

const ready = setImmediate().then(() => {
  isReady = true
})

export const app = { getPath: () => folder, whenReady: () => ready }

function key(): Buffer {
  if (!isReady) throw new Error('safeStorage cannot be used before app is ready')
  if (!existsSync(keyFile)) writeFileSync(keyFile, randomBytes(32))
  return readFileSync(keyFile)
}

export const safeStorage = {
  getSelectedStorageBackend: () => process.env.STORAGE_BACKEND ?? 'gnome_libsecret',

  isAsyncEncryptionAvailable: async () => key().length === 32,

  async encryptStringAsync(plainText: string): Promise<Buffer> {
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key(), iv)
    const encrypted = Buffer.concat([cipher.update(plainText, 'utf8'), cipher.final()])
    return Buffer.concat([iv, cipher.getAuthTag(), encrypted])
  },

  async decryptStringAsync(encrypted: Buffer): Promise<{ result: string; shouldReEncrypt: boolean }> {
    const decipher = createDecipheriv('aes-256-gcm', key(), encrypted.subarray(0, 12))
    decipher.setAuthTag(encrypted.subarray(12, 28))
    const result = Buffer.concat([decipher.update(encrypted.subarray(28)), decipher.final()]).toString('utf8')
    return { result, shouldReEncrypt: false }
  },
}
