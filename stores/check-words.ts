/** How long a check of a server may take, milliseconds. */
export const CHECK_MS = 5000

/** What it leads to that a server loses writes. */
export const LOST_LOGOUTS =
  'a logout that is lost is undone: its tokens are valid again, and a login that is lost has ended'
