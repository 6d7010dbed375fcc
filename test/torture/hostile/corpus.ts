import { corpusOfForms } from './corpus-of-forms.js'
import { corpusOfKeys } from './corpus-of-keys.js'
import type { Hostile, Populated } from './populated.js'

/** Everything that is known to have fooled somebody, against this instance. */
export const corpusOf = (populated: Populated): Hostile[] => [...corpusOfKeys(populated), ...corpusOfForms(populated)]
