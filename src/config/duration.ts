/** A duration: a number of seconds, or a string with units such as `'15m'`, `'1h30m'`, `'30d'`, `'PT15M'`. */
export type Duration = number | string

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

const WITH_UNITS = /^(?:\d+(?:\.\d+)?[smhdw])+$/
const ISO_8601 = /^p(?:(\d+)w)?(?:(\d+)d)?(?:t(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?)?$/

/** A hundred years, in seconds. A longer duration is rejected: it is probably a mistake in the unit. */
const LONGEST = 36_500 * SECONDS.d

/**
 * Convert a duration to seconds. Returns `undefined` if `value` is not a valid duration. A number without a unit means
 * seconds, in a string too. (jsonwebtoken reads `'900'` as milliseconds.)
 */
export function parseDuration(value: unknown): number | undefined {
  const seconds = typeof value === 'string' ? parseText(value.trim().toLowerCase()) : value
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0 || seconds > LONGEST) return undefined
  return seconds
}

function parseText(text: string): number | undefined {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text)
  if (WITH_UNITS.test(text)) return sumOfUnits(text)
  const iso = text.length > 1 ? ISO_8601.exec(text) : null
  if (!iso) return undefined
  const [weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = iso.slice(1).map(part => Number(part ?? 0))
  return weeks * SECONDS.w + days * SECONDS.d + hours * SECONDS.h + minutes * SECONDS.m + seconds
}

function sumOfUnits(text: string): number {
  let sum = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)([smhdw])/g)) {
    sum += Number(amount) * SECONDS[unit as keyof typeof SECONDS]
  }
  return sum
}
