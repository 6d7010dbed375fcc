import type { CDPSession, Page } from 'playwright-core'

/** A passkey in an authenticator. Binary values are in base64. */
export interface StoredPasskey {
  readonly credentialId: string
  readonly isResidentCredential: boolean
  readonly rpId?: string
  readonly privateKey: string
  readonly userHandle?: string
  readonly signCount: number
}

/** The virtual authenticator of a tab. It is part of the device, and its owner always agrees. */
export class Authenticator {
  readonly #devtools: CDPSession
  readonly #authenticatorId: string

  private constructor(devtools: CDPSession, authenticatorId: string) {
    this.#devtools = devtools
    this.#authenticatorId = authenticatorId
  }

  static async of(tab: Page): Promise<Authenticator> {
    const devtools = await tab.context().newCDPSession(tab)
    await devtools.send('WebAuthn.enable')
    const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    return new Authenticator(devtools, authenticatorId)
  }

  async passkeys(): Promise<StoredPasskey[]> {
    const { credentials } = await this.#devtools.send('WebAuthn.getCredentials', this.#id)
    return credentials
  }

  /** Replaces what it knows about its only passkey. */
  async change(changes: Partial<StoredPasskey>): Promise<void> {
    const [passkey] = await this.passkeys()
    if (!passkey) throw new Error('The authenticator has no passkey')
    await this.#devtools.send('WebAuthn.clearCredentials', this.#id)
    await this.#devtools.send('WebAuthn.addCredential', { ...this.#id, credential: { ...passkey, ...changes } })
  }

  /** From here on the PIN is wrong, if the site asks for it. */
  async forgetPin(): Promise<void> {
    await this.#devtools.send('WebAuthn.setUserVerified', { ...this.#id, isUserVerified: false })
  }

  get #id() {
    return { authenticatorId: this.#authenticatorId }
  }
}
