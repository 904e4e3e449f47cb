/**
 * For sockets whose addresses are numeric: Node's look-up would cost a turn of the event loop for every datagram, and a
 * synchronous one makes a socket usable at once.
 */
export function numericLookup(
  address: string,
  family: unknown,
  done: (error: null, address: string, family: number) => void,
): void {
  done(null, address, Number(family))
}
