const zeros = (count: number) => '0.'.repeat(count)

/** `17.172.in-addr.arpa` and the like: a prefix that does not end between two octets is several zones (RFC 2317 §2). */
const octets = (first: number, count: number, parent: string) =>
  Array.from({ length: count }, (_, i) => `${first + i}.${parent}`)

/** Reverse zones in which the stock resolver may know names: of the LAN's own, and of the operator's shared space. */
export const stockReverseZones: readonly string[] = [
  // RFC 6303 §4.1
  '10.in-addr.arpa',
  '168.192.in-addr.arpa',
  ...octets(16, 16, '172.in-addr.arpa'),
  // RFC 7793
  ...octets(64, 64, '100.in-addr.arpa'),
  // RFC 6303 §4.4
  'c.f.ip6.arpa',
  'd.f.ip6.arpa',
]

/** Reverse names of this host itself: localhost (RFC 6303 §4.2, §4.3). */
export const loopbackReverseNames: readonly string[] = ['1.0.0.127.in-addr.arpa', `1.${zeros(31)}ip6.arpa`]

/** Reverse zones in which there is nothing to find, and which must not leave the modem. */
export const emptyReverseZones: readonly string[] = [
  // RFC 6303 §4.2: this network, loopback, link-local, documentation, broadcast
  '0.in-addr.arpa',
  '127.in-addr.arpa',
  '254.169.in-addr.arpa',
  '2.0.192.in-addr.arpa',
  '100.51.198.in-addr.arpa',
  '113.0.203.in-addr.arpa',
  '255.255.255.255.in-addr.arpa',
  // RFC 6303 §4.3
  `${zeros(32)}ip6.arpa`,
  // RFC 6303 §4.5: link-local
  '8.e.f.ip6.arpa',
  '9.e.f.ip6.arpa',
  'a.e.f.ip6.arpa',
  'b.e.f.ip6.arpa',
  // RFC 6303 §4.6: documentation
  '8.b.d.0.1.0.0.2.ip6.arpa',
]
