import { afterEach } from 'vitest'
import { type MosquittoOptions, startMosquitto } from '../control/broker.ts'
import { type BadNetwork, startProxy } from './proxy.ts'

/** Ended after each test, the last first. */
export const closers: (() => unknown)[] = []
export const closeAfterEach = () =>
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })

/** A real one, by default with its default limits. @returns its address */
export async function mosquitto(options: MosquittoOptions = {}): Promise<string> {
  const started = await startMosquitto({ ...options, config: ['log_type none', ...(options.config ?? [])] })
  closers.push(async () => {
    await started.stop()
    started.remove()
  })
  return started.broker.url
}

export async function proxied(url: string): Promise<BadNetwork> {
  const proxy = await startProxy(url)
  closers.push(() => proxy.stop())
  return proxy
}

/** The same broker under another user's name, for its access list. */
export const as = (user: string, url: string) => url.replace('mqtt://', `mqtt://${user}@`)
