import { join } from 'node:path'

const here = (name) => join(import.meta.dirname, name)

/**
 * esbuild's `alias` for every bundle that holds control/session.ts: MQTT.js without its other ways to connect (ws, socks),
 * without worker timers and tracing, on Node's own streams. 377 KB become 108 KB (test/control/session-bundle.test.ts).
 */
export const aliases = {
  mqtt: here('mqtt.cjs'),
  'worker-timers': here('worker-timers.cjs'),
  'readable-stream': here('readable-stream.cjs'),
  debug: here('debug.cjs'),
}
