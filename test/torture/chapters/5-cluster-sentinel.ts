import type { Chapter } from '../case.js'
import { conform } from '../failover/conformance.js'
import { lose } from '../failover/lost.js'
import { narrow } from '../failover/narrowing.js'
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
    {
      name: 'a master that dies with acknowledged writes sets sessions back, on a Cluster and behind sentinels, and each kind of write comes to what the guarantees say',
      seconds: { full: 240, short: 90 },
      run: pass => lose([clusterTopology, sentinelTopology], pass),
    },
    {
      name: 'behind sentinels, min-replicas-to-write turns writes into 503 when the master has no replica, and narrows what a failover loses without closing it',
      seconds: { full: 240, short: 90 },
      run: narrow,
    },
  ],
}
