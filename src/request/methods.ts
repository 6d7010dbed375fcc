/** Methods that must not change anything (RFC 9110 §9.2.1). */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE']

/** Whether requests with this method (in capitals) must not change anything. */
export const isSafeMethod = (method: string): boolean => SAFE_METHODS.includes(method)
