/** The path of a request's target, which may be a whole URL (RFC 9112 §3.2.2). */
export const pathOfTarget = (target: string): string => target.replace(/^https?:\/\/[^/?#]*|[?#].*$/gi, '') || '/'
