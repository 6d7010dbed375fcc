import type { SharedBackend } from '../../support/store-kinds.js'
import type { LocalBackend } from '../fleet/server.js'
import { STAGES } from '../fleet/stage.js'

type EveryStage = <T>(work: (backend: SharedBackend | LocalBackend) => Promise<T>) => Promise<T>

/** Backends of every kind that let go of what has expired. */
export const EVERY_STAGE: Readonly<Record<'memory' | keyof typeof STAGES, EveryStage>> = {
  memory: work => work({ kind: 'memory' }),
  ...STAGES,
}
