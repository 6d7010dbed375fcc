/** In the main process: tokens never reach a window. Windows call it with `ipcRenderer.invoke`. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { app, safeStorage } from 'electron'
import { AuthXClient } from 'koa-authx/client'

const fileOf = (name: string) => join(app.getPath('userData'), `${encodeURIComponent(name)}.bin`)

/** Files that are encrypted with a key of the system: Keychain, DPAPI, or the Linux desktop's secret store. */
const storage = {
  async getItem(name: string): Promise<string | null> {
    await app.whenReady()
    const encrypted = await readFile(fileOf(name)).catch(ifMissing)
    if (!encrypted) return null
    // Cannot be decrypted once the key of the system is gone: then the user logs in again.
    const decrypted = await safeStorage.decryptStringAsync(encrypted).catch(() => undefined)
    return decrypted?.result ?? null
  },
  async setItem(name: string, value: string): Promise<void> {
    await app.whenReady()
    // Then the login lasts until the application is closed, and nothing readable is on the disk.
    if (!(await isProtected())) return
    const encrypted = await safeStorage.encryptStringAsync(value)
    // A crash leaves the old file or the new one, never a part of it.
    await writeFile(`${fileOf(name)}.new`, encrypted, { mode: 0o600 })
    await rename(`${fileOf(name)}.new`, fileOf(name))
  },
  async removeItem(name: string): Promise<void> {
    await rm(fileOf(name), { force: true })
  },
}

/** Whether the system keeps the key. A Linux without a secret store has one that everybody knows. */
async function isProtected(): Promise<boolean> {
  if (process.platform === 'linux' && safeStorage.getSelectedStorageBackend() === 'basic_text') return false
  return safeStorage.isAsyncEncryptionAvailable()
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

export const client = new AuthXClient({
  tokens: 'headers',
  baseUrl: process.env.API_URL ?? 'https://api.example.com',
  storage,
})
