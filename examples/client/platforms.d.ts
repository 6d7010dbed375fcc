/** The parts of platforms' modules that the recipes use. The modules themselves are installed on these platforms only. */

/** As documented by expo-secure-store 57. */
declare module 'expo-secure-store' {
  interface SecureStoreOptions {
    keychainAccessible?: number
  }
  const AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: number
  function getItemAsync(key: string, options?: SecureStoreOptions): Promise<string | null>
  function setItemAsync(key: string, value: string, options?: SecureStoreOptions): Promise<void>
  function deleteItemAsync(key: string, options?: SecureStoreOptions): Promise<void>
}

/** As documented by Electron 45. */
declare module 'electron' {
  const app: { getPath(name: 'userData'): string; whenReady(): Promise<void> }
  const safeStorage: {
    isAsyncEncryptionAvailable(): Promise<boolean>
    encryptStringAsync(plainText: string): Promise<Buffer>
    decryptStringAsync(encrypted: Buffer): Promise<{ result: string; shouldReEncrypt: boolean }>
    getSelectedStorageBackend(): string
  }
}

declare module '*.vue' {
  const component: import('vue').Component
  export default component
}
