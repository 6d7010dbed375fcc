import type { Chapter } from '../case.js'
import { conform } from '../failover/conformance.js'
import { raceThrough } from '../failover/races.js'
import { clusterTopology, sentinelTopology } from '../failover/topology.js'

export const chapter: Chapter = {
  title: 'Redis Cluster and Sentinel',
  cases: [
    {
      name: 'the conformance suite passes on a Cluster while masters are replaced',
      seconds: { full: 120, short: 60 },
      run: pass => conform(clusterTopology, pass),
    },
    {
      name: 'the conformance suite passes behind sentinels while masters are replaced',
      seconds: { full: 120, short: 60 },
      run: pass => conform(sentinelTopology, pass),
    },
    {
      name: 'on a Cluster, races of refresh and logout come out right while masters are replaced, and service resumes',
      seconds: { full: 120, short: 60 },
      run: pass => raceThrough(clusterTopology, pass),
    },
    {
      name: 'behind sentinels, races of refresh and logout come out right while masters are replaced, and service resumes',
      seconds: { full: 120, short: 60 },
      run: pass => raceThrough(sentinelTopology, pass),
    },
  ],
}
