import type { Chapter } from '../case.js'
import { conform } from '../failover/conformance.js'
import { raceThrough } from '../failover/races.js'
import { clusterTopology, sentinelTopology } from '../failover/topology.js'

export const chapter: Chapter = {
  title: 'Redis Cluster and Sentinel',
  cases: [
    {
      name: 'on a Cluster whose masters are killed, frozen and handed over, a store keeps its contract in all that it answers',
      seconds: { full: 120, short: 60 },
      run: pass => conform(clusterTopology, pass),
    },
    {
      name: 'behind sentinels whose masters are killed, frozen and handed over, a store keeps its contract in all that it answers',
      seconds: { full: 120, short: 60 },
      run: pass => conform(sentinelTopology, pass),
    },
    {
      name: 'on a Cluster whose masters are killed, frozen and handed over, a refresh has one successor and a logout is final, but for what Redis lost with a master; service resumes',
      seconds: { full: 120, short: 60 },
      run: pass => raceThrough(clusterTopology, pass),
    },
    {
      name: 'behind sentinels whose masters are killed, frozen and handed over, a refresh has one successor and a logout is final, but for what Redis lost with a master; service resumes',
      seconds: { full: 120, short: 60 },
      run: pass => raceThrough(sentinelTopology, pass),
    },
  ],
}
