/** How datagrams of one bound socket come in, and their answers go out: one by one, or in batches. */
export interface UdpTransport {
  /** Answers what arrives from now on. */
  start(): void
  /** Sends nothing any more. */
  stop(): void
}

/** Port 53 is a resolver and 0 is nobody: an answer to either would start a loop (RFC 5358 §4). */
export const isAnswerable = (port: number): boolean => port !== 53 && port !== 0
