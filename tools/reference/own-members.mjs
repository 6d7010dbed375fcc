/**
 * A plugin for typedoc: what a class inherits from another one of the library is told there, and not again by each. What it
 * has from a base that the reference does not show is told as its own.
 */
import { Converter, ReflectionKind } from 'typedoc'

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
  app.converter.on(
    Converter.EVENT_RESOLVE_END,
    ({ project }) => {
      for (const reflection of project.getReflectionsByKind(ReflectionKind.All)) forgetUnseenBase(reflection)
    },
    -10_000,
  )
}

function forgetUnseenBase(reflection) {
  if (reflection.inheritedFrom && !reflection.inheritedFrom.reflection) delete reflection.inheritedFrom
  if (reflection.overwrites && !reflection.overwrites.reflection) delete reflection.overwrites
  const bases = reflection.extendedTypes?.filter(type => !HIDDEN_BASES.some(name => String(type).startsWith(name)))
  if (bases?.length === 0) {
    delete reflection.extendedTypes
    delete reflection.typeHierarchy
  }
}

/** Classes that only give others their methods. */
const HIDDEN_BASES = ['InstanceGuards', 'ManagerGuards']
