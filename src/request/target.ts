/** The path of a request target, which may be a full URL (RFC 9112 §3.2.2). */
export const pathOfTarget = (target: string): string => target.replace(/^https?:\/\/[^/?#]*|[?#].*$/gi, '') || '/'
