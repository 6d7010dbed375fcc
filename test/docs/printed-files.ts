/** A block of a page that is a part of a file. The line before it links to the file. */
export interface PrintedFile {
  /** From the root of the repository. */
  readonly file: string
  readonly code: string
}

export function printedFiles(text: string): PrintedFile[] {
  const found = text.matchAll(/^\[([\w./-]+)\]\(\.\.\/\1\):\n\n```\w+\n(.*?)^```$/gms)
  return [...found].map(([, file = '', code = '']) => ({ file, code }))
}
