import type { TokenStore } from 'koa-authx'

/** Prints what is wrong with the backend of a store. The application starts all the same. */
export async function reportFindings(store: TokenStore): Promise<void> {
  try {
    const findings = (await store.check?.()) ?? []
    for (const { code, message } of findings) console.log(`The store (${code}): ${message}`)
    if (findings.length === 0) console.log('The store: nothing is wrong.')
  } catch (error) {
    console.log(`The store could not be checked: ${error instanceof Error ? error.message : error}`)
  }
}
