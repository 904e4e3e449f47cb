import { join } from 'node:path'

const here = (name) => join(import.meta.dirname, name)

/**
 * esbuild's `alias` for the bundle (docs/adr/0002). MQTT.js without its other ways to connect (ws, socks), worker timers and
 * tracing, with a map in the place of lru-cache, on Node's own streams: 377 KB become 108 KB (test/control/mqtt/session-bundle.test.ts). LMDB without the packages
 * that generate code at run time. node-dns as packet and UDP client alone.
 */
export const aliases = {
  mqtt: here('mqtt.cjs'),
  'worker-timers': here('worker-timers.cjs'),
  'readable-stream': here('readable-stream.cjs'),
  debug: here('debug.cjs'),
  'lru-cache': here('lru-cache.cjs'),
  // The import condition's ES module cannot find its prebuilt from within a CommonJS bundle.
  lmdb: here('../../node_modules/lmdb/dist/index.cjs'),
  'ordered-binary': here('ordered-binary.cjs'),
  msgpackr: here('msgpackr.cjs'),
  dns2: here('dns2.cjs'),
}
