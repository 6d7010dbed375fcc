import { readPage } from './markdown.js'

/** A project that docs/testing.md prints for one test runner. */
export interface RunnerProject {
  readonly title: string
  /** By their names. */
  readonly files: ReadonlyMap<string, string>
  /** What `npm install` is told to install. */
  readonly packages: readonly string[]
  /** The other lines of shell. The last one runs the tests. */
  readonly lines: readonly string[]
}

interface Part {
  readonly title: string
  readonly files: ReadonlyMap<string, string>
  readonly lines: readonly string[]
}

/** What stands below `## Test runners`: a part for each runner, after one that holds for all of them. */
export function runnerProjects(): RunnerProject[] {
  const [common, ...runners] = parts()
  return runners.map(({ title, files, lines }) => {
    const all = [...(common?.lines ?? []), ...lines]
    const installs = all.filter(line => line.startsWith('npm install '))
    return {
      title,
      files: new Map([...(common?.files ?? []), ...files]),
      packages: installs.flatMap(line => line.split(' ').slice(2)).filter(word => !word.startsWith('--')),
      lines: all.filter(line => !installs.includes(line)),
    }
  })
}

/** The code of all files that are printed there. */
export function runnerFiles(): string[] {
  return parts().flatMap(({ files }) => [...files.values()])
}

/** The lines of shell that are printed there. */
export function runnerLines(): string[] {
  return parts().flatMap(({ lines }) => lines)
}

function parts(): Part[] {
  const section = /^## Test runners\n(.*?)(?=^## )/ms.exec(readPage('docs/testing.md'))?.[1] ?? ''
  return section.split(/^### /m).map(part => {
    const [title = ''] = part.split('\n')
    const files = part.matchAll(/`([\w.]+)`:\n\n```js\n(.*?)^```$/gms)
    const shell = part.matchAll(/^```sh\n(.*?)^```$/gms)
    return {
      title,
      files: new Map([...files].map(([, name = '', code = '']) => [name, code])),
      lines: [...shell].flatMap(([, lines = '']) => lines.trim().split('\n')),
    }
  })
}
