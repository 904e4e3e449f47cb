const LOOPBACK6 = '0:0:0:0::/64'

/** The first four groups of an IPv6 address in text; `::` counts for as many as are missing. */
function slash64(address: string): string {
  const [head = '', tail] = address.split('%', 1)[0]!.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':')
    while (groups.length + after.length < 8) groups.push('0')
    groups.push(...after)
  }
  return `${groups.slice(0, 4).join(':')}::/64`
}

/** The modem itself, by address or by key: limits are for devices of the LAN. */
export function isLoopback(client: string): boolean {
  return client.startsWith('127.') || client === '::1' || client === LOOPBACK6
}

/** Whom a query counts against: an IPv4 address, or an IPv6 /64, since a host has 2^64 addresses to itself. */
export function clientKey(address: string): string {
  return address.includes(':') ? slash64(address) : address
}
