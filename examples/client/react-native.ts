import * as SecureStore from 'expo-secure-store'
import { AuthXClient } from 'koa-authx/client'

/** The iOS keychain, or Android's SharedPreferences encrypted with a key of its Keystore. */
const storage = {
  getItem: (name: string) => SecureStore.getItemAsync(name),
  setItem: (name: string, value: string) =>
    // Readable in the background after the first unlock, and in no backup for another device.
    SecureStore.setItemAsync(name, value, { keychainAccessible: SecureStore.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY }),
  removeItem: (name: string) => SecureStore.deleteItemAsync(name),
}

export const client = new AuthXClient({
  tokens: 'headers',
  baseUrl: process.env.EXPO_PUBLIC_API_URL ?? 'https://api.example.com',
  storage,
})
