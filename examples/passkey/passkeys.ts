import { randomBytes } from 'node:crypto'
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
  type WebAuthnCredential,
} from '@simplewebauthn/server'
import { isoBase64URL } from '@simplewebauthn/server/helpers'
import { CHALLENGE_MAX_AGE_MS } from './challenges.js'

export interface Site {
  /** The dialog of the browser shows it. */
  readonly name: string
  /** Address of the page, such as `https://shop.example.com`. */
  readonly origin: string
  /** Domain of the passkeys, such as `example.com`. */
  readonly rpID: string
}

interface Passkey extends WebAuthnCredential {
  readonly sub: string
}

/** The device must check who uses it, with a PIN or biometrics. Otherwise a stolen device would be enough. */
const userVerification = 'required'

/** The passkeys of all users. A real application keeps them in its database. */
export class Passkeys {
  readonly #site: Site
  readonly #passkeys = new Map<string, Passkey>()
  /** Random identifiers of users, by subject. Authenticators show them to anyone, so they must say nothing about users. */
  readonly #userHandles = new Map<string, string>()

  constructor(site: Site) {
    this.#site = site
  }

  of(sub: string): Passkey[] {
    return [...this.#passkeys.values()].filter(passkey => passkey.sub === sub)
  }

  registrationOptions(sub: string) {
    const handle = this.#userHandles.get(sub) ?? randomBytes(32).toString('base64url')
    this.#userHandles.set(sub, handle)
    return generateRegistrationOptions({
      rpName: this.#site.name,
      rpID: this.#site.rpID,
      userName: sub,
      userID: isoBase64URL.toBuffer(handle),
      timeout: CHALLENGE_MAX_AGE_MS,
      excludeCredentials: this.of(sub),
      // A discoverable credential knows its user: the login needs no name.
      authenticatorSelection: { residentKey: 'required', userVerification },
    })
  }

  /** Verifies the response of `startRegistration` and adds the passkey. Throws an Error if something is wrong. */
  async register(sub: string, response: unknown, challenge: string): Promise<void> {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: response as RegistrationResponseJSON,
      ...this.#expected(challenge),
    })
    if (!verified) throw new Error('The attestation is invalid')
    const { credential } = registrationInfo
    // Otherwise a user could take over the passkey of another user (WebAuthn §7.1).
    if (this.#passkeys.has(credential.id)) throw new Error('The passkey is already registered')
    this.#passkeys.set(credential.id, { ...credential, sub })
  }

  /** Options for a passkey of this user, or without `sub` for any passkey of the site. */
  requestOptions(sub?: string) {
    return generateAuthenticationOptions({
      rpID: this.#site.rpID,
      timeout: CHALLENGE_MAX_AGE_MS,
      allowCredentials: sub === undefined ? [] : this.of(sub),
      userVerification,
    })
  }

  /**
   * Verifies the response of `startAuthentication` and returns the user. With `sub`, the passkey must be one of this
   * user. Throws an Error if something is wrong.
   */
  async verify(response: unknown, challenge: string, sub?: string): Promise<string> {
    const answer = response as AuthenticationResponseJSON
    const passkey = this.#passkeys.get(answer.id)
    if (!passkey || (sub !== undefined && sub !== passkey.sub)) throw new Error('The passkey is unknown')
    // WebAuthn §7.2: the user handle must be that of the user; it may be missing if the user is known already.
    const { userHandle } = answer.response
    const isRightHandle =
      userHandle === undefined ? sub !== undefined : userHandle === this.#userHandles.get(passkey.sub)
    if (!isRightHandle) throw new Error('The user handle is wrong')
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: answer,
      credential: passkey,
      ...this.#expected(challenge),
    })
    if (!verified) throw new Error('The signature is invalid')
    // The next counter must be higher, unless the authenticator does not count. A lower one shows a copied key.
    passkey.counter = authenticationInfo.newCounter
    return passkey.sub
  }

  #expected(expectedChallenge: string) {
    const { origin: expectedOrigin, rpID: expectedRPID } = this.#site
    return { expectedChallenge, expectedOrigin, expectedRPID, requireUserVerification: true }
  }
}
