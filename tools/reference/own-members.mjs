/** A plugin for typedoc: what a class inherits from another one of the library is told there, and not again by each. */
import { Converter } from 'typedoc'

/** After typedoc has found out what is inherited, and before it puts the members into groups. */
const PRIORITY = -1

export function load(app) {
  app.converter.on(
    Converter.EVENT_RESOLVE_END,
    ({ project }) => {
      const all = Object.values(project.reflections)
      // Found before any is removed: each names the one above it, which may be inherited too.
      const inherited = all.filter(({ flags, inheritedFrom }) => flags.isInherited && inheritedFrom?.reflection)
      for (const reflection of inherited) project.removeReflection(reflection)
    },
    PRIORITY,
  )
}
