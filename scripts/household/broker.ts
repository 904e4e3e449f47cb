import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { Aedes } from 'aedes'
import { type PortUse, portError } from './ports.ts'

/** The operator's broker, embedded: MQTT 3.1.1 on loopback, retained messages in memory. */
export class EmbeddedBroker {
  readonly #port: PortUse
  readonly #connections = new Set<Socket>()
  #aedes: Aedes | undefined
  #server: Server | undefined

  constructor(port: PortUse) {
    this.#port = port
  }

  /** @returns its URL */
  async start(): Promise<string> {
    // Chunks of a list arrive as a burst of QoS 1 messages; the default of 100 at once is plenty for one modem.
    const aedes = await Aedes.createBroker({ drainTimeout: 60_000 })
    this.#aedes = aedes
    this.#server = createServer((connection) => {
      this.#connections.add(connection)
      connection.on('close', () => this.#connections.delete(connection))
      connection.setNoDelay(true)
      aedes.handle(connection)
    })
    const { address, port } = this.#port
    try {
      this.#server.listen(port, address)
      await once(this.#server, 'listening')
    } catch (error) {
      throw portError(this.#port, error)
    }
    const bound = this.#server.address() as { port: number }
    return `mqtt://${address}:${bound.port}`
  }

  async stop(): Promise<void> {
    this.#server?.close()
    await new Promise<void>((resolve) => (this.#aedes ? this.#aedes.close(resolve) : resolve()))
    for (const connection of this.#connections) connection.destroy()
  }
}
