import type { Chapter } from '../case.js'
import { boundaries, clocksApart, histories } from '../clocks/cases.js'

export const chapter: Chapter = {
  title: 'Time',
  cases: [
    {
      name: 'three servers on one SQLite file, whose clocks differ and are set: each answer is the one that is due, and nothing is good past its end',
      seconds: { short: 120, full: 900 },
      run: pass => histories(pass, 'SQLite'),
    },
    {
      name: 'three servers on one Redis, whose clocks differ and are set: each answer is the one that is due, and nothing is good past its end',
      seconds: { short: 120, full: 900 },
      run: pass => histories(pass, 'Redis'),
    },
    {
      name: 'three servers on one PostgreSQL, whose clocks differ and are set: each answer is the one that is due, and nothing is good past its end',
      seconds: { short: 120, full: 900 },
      run: pass => histories(pass, 'PostgreSQL'),
    },
    {
      name: 'everything begins and ends at the millisecond that its options say, and no later',
      seconds: { short: 120, full: 1800 },
      run: boundaries,
    },
    {
      name: 'two servers whose clocks differ and that both refresh a session give it one successor or end it, as the grace period and refreshRecovery say; they never extend one',
      seconds: { short: 120, full: 1800 },
      run: clocksApart,
    },
  ],
}
