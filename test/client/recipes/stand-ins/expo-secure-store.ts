/** What expo-secure-store 57 documents, over a file: its checks, its answers, and that all of it takes time. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'

export const AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY = 2

const file = String(process.env.SECURE_STORE_FILE)

const read = (): Record<string, string> => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {})

function checkKey(key: unknown): void {
  if (typeof key !== 'string' || !/^[\w.-]+$/.test(key)) throw new Error(`Invalid key: ${key}`)
}

export async function getItemAsync(key: string): Promise<string | null> {
  checkKey(key)
  await setImmediate()
  if (process.env.KEYCHAIN === 'locked') throw new Error('The keychain is locked')
  return read()[key] ?? null
}

export async function setItemAsync(key: string, value: string): Promise<void> {
  checkKey(key)
  if (typeof value !== 'string') throw new Error('Values must be strings')
  if (Buffer.byteLength(value) > 2048) throw new Error('The value is larger than 2048 bytes')
  await setImmediate()
  writeFileSync(file, JSON.stringify({ ...read(), [key]: value }))
}

export async function deleteItemAsync(key: string): Promise<void> {
  checkKey(key)
  await setImmediate()
  const { [key]: _, ...rest } = read()
  writeFileSync(file, JSON.stringify(rest))
}
