/** Bytes in use after a collection of garbage; 0 without `--expose-gc`. */
export function heapInUse(): number {
  if (!globalThis.gc) return 0
  // What the first collection finalises, the second takes away.
  for (let times = 0; times < 2; times++) globalThis.gc()
  return process.memoryUsage().heapUsed
}
