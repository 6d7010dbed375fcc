import { setTimeout as sleep } from 'node:timers/promises'

/** Time that runs faster than on the wall, the same in every process that knows `speed` and `origin`. */
export class Clock {
  readonly speed: number
  readonly origin = Date.now()

  constructor(speed: number) {
    this.speed = speed
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.origin + (Date.now() - this.origin) * this.speed
  }

  async sleep(seconds: number): Promise<void> {
    await sleep((seconds * 1000) / this.speed)
  }
}
