import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { topics } from '../../../module/control/mqtt/topics.ts'
import { type Bench, type Check, type Found, hearAll } from './check.ts'

const chunkBytes = 65_536
/** Above what a default mosquitto queues for one client: 20 in flight and 1,000 waiting. */
const many = 1200
const quietMs = 2000
const isLoopback = (url: string) => /^mqtts?:\/\/([^@/]*@)?(localhost|127\.|\[::1\])/.test(url)

function connection({ address, broker }: Bench): Check[] {
  const { limits } = broker
  return [
    {
      what: 'TLS',
      follows: 'whoever is on the way reads and changes everything',
      run: async (): Promise<Found> =>
        address.url.startsWith('mqtts:')
          ? ['ok', address.certFile ? 'with a client certificate' : 'without a client certificate']
          : [isLoopback(address.url) ? 'ok' : 'missing', 'none'],
    },
    {
      what: 'MQTT version',
      follows:
        '3.1.1 cannot refuse a publication: the tool reads back what it writes; no shared subscriptions',
      run: async () => [limits.protocol === '5' ? 'ok' : 'weak', limits.protocol],
    },
    {
      what: 'limits (CONNACK)',
      follows: 'QoS 1 and retained messages are what everything here is made of',
      run: async () => [
        limits.retainAvailable && limits.maximumQos >= 1 ? 'ok' : 'missing',
        `packet ${limits.maximumPacketSize ?? 'no limit named'}, receive ${limits.receiveMaximum}, QoS ${limits.maximumQos}, retain ${limits.retainAvailable}, aliases ${limits.topicAliasMaximum}`,
      ],
    },
  ]
}

function retained(bench: Bench): Check[] {
  const { broker, name } = bench
  return [
    {
      what: 'retained, read singly',
      follows: 'modems hear no order, list or key after they come back',
      async run() {
        await bench.put(topics.desired(name), 'check')
        return String(await broker.read(topics.desired(name))) === 'check'
          ? ['ok', 'comes back']
          : ['missing', 'does not come back']
      },
    },
    {
      what: 'retained, cleared',
      follows: '`line forget` and `list prune` cannot take anything away',
      async run() {
        await broker.publish(topics.desired(name), '', true)
        return (await broker.read(topics.desired(name))) === undefined
          ? ['ok', 'gone, and proved to be']
          : ['missing', 'still there']
      },
    },
    {
      what: `retained, ${chunkBytes / 1024} KiB`,
      follows: 'lists cannot be published: a chunk has up to 65536 bytes beside its topic',
      async run() {
        await bench.put(bench.chunk(0), Buffer.alloc(chunkBytes, 7))
        const found = await broker.read(bench.chunk(0))
        return found?.length === chunkBytes
          ? ['ok', 'comes back']
          : ['missing', `${found?.length ?? 0} bytes`]
      },
    },
    {
      what: `retained, ${many} by wildcard`,
      follows: '`register import --discover` finds a part of the lines; --lines FILE finds all',
      async run() {
        await Promise.all(Array.from({ length: many }, (_, i) => bench.put(bench.chunk(i), 'x')))
        const filter = topics.snapshot(name, 1, 0).replace(/0$/, '+')
        const count = await hearAll(broker, filter, { wanted: many, quietMs })
        return [count === many ? 'ok' : 'weak', `${count} of ${many}`]
      },
    },
    {
      what: `queue, ${many} at once to one client`,
      follows:
        '`follow` and `watch` miss reports of a burst until they read again; raise it (mosquitto: max_queued_messages)',
      async run() {
        const topic = topics.telemetry(name)
        const act = async () => {
          await Promise.all(Array.from({ length: many }, () => broker.publish(topic, 'x', false)))
        }
        const listener = await bench.open()
        const count = await hearAll(listener, topic, { wanted: many, quietMs, act })
        return [count === many ? 'ok' : 'weak', `${count} of ${many}`]
      },
    },
  ]
}

function sessions(bench: Bench): Check[] {
  const { broker, name } = bench
  return [
    {
      what: 'last will, retained',
      follows: 'a modem that has lost its power is shown as connected',
      async run() {
        const topic = topics.presence(name)
        bench.will(topic)
        const will = { topic, payload: Buffer.from('gone'), qos: 1, retain: true } as const
        const dying = await bench.open({ client: { will } })
        let isHeard = false
        const end = await broker.follow(topic, (_topic, payload) => {
          isHeard ||= String(payload) === 'gone'
        })
        await dying.cut()
        for (const until = performance.now() + bench.answerMs; !isHeard && performance.now() < until; )
          await sleep(20)
        await end()
        return isHeard ? ['ok', 'told'] : ['missing', `not within ${bench.answerMs / 1000} s`]
      },
    },
    {
      what: 'session that is kept',
      follows: 'a modem hears what is retained after each reconnection; requests of the meantime are lost',
      async run() {
        const clientId = `${name}-${hostname().slice(0, 8)}`
        const client = { clientId, clean: false, properties: { sessionExpiryInterval: 60 } }
        const topic = topics.response(name)
        const first = await bench.open({ client })
        await first.follow(topic, () => undefined)
        await first.cut()
        await broker.publish(topic, 'kept', false)
        let isHeard = false
        const again = await bench.open({ client, onMessage: (payload) => (isHeard ||= payload === 'kept') })
        for (const until = performance.now() + quietMs; !isHeard && performance.now() < until; )
          await sleep(20)
        await again.close()
        // Ends what the broker would keep.
        await (await bench.open({ client: { clientId, clean: true } })).close()
        return isHeard ? ['ok', 'brings what came meanwhile'] : ['weak', 'brings nothing']
      },
    },
    {
      what: 'shared subscriptions',
      follows: 'one `follow` hears everything; several would each hear all of it',
      async run() {
        if (!broker.limits.sharedAvailable) return ['weak', 'not available']
        const topic = topics.telemetry(`${name}-shared`)
        const [a, b] = [await bench.open(), await bench.open()]
        let count = 0
        for (const each of [a, b]) await each.follow(`$share/check/${topic}`, () => count++)
        await Promise.all(Array.from({ length: 20 }, () => broker.publish(topic, 'x', false)))
        for (const until = performance.now() + quietMs; count < 20 && performance.now() < until; )
          await sleep(20)
        await sleep(100)
        return count === 20 ? ['ok', 'each message once'] : ['weak', `${count} of 20 messages`]
      },
    },
  ]
}

/** Whether what is retained through one node is there at another: RabbitMQ keeps it where it was published. */
export function otherNode(bench: Bench, url: string): Check {
  return {
    what: `retained at ${url}`,
    follows: 'a modem that is connected there hears no order, list or key: do not use such a cluster',
    async run() {
      const topic = topics.desired(`${bench.name}-node`)
      await bench.put(topic, 'from another node')
      const there = await bench.open({ as: { url } })
      return String(await there.read(topic)) === 'from another node'
        ? ['ok', 'comes back']
        : ['missing', 'does not come back']
    },
  }
}

export const propertyChecks = (bench: Bench): Check[] => [
  ...connection(bench),
  ...retained(bench),
  ...sessions(bench),
]
