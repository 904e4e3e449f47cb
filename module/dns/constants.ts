/** Numbers of the protocol that we name (IANA "Domain Name System Parameters"). */
export const Type = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  SIG: 24,
  AAAA: 28,
  SRV: 33,
  DNAME: 39,
  OPT: 41,
  RRSIG: 46,
  NSEC: 47,
  NSEC3: 50,
  SVCB: 64,
  HTTPS: 65,
  NXNAME: 128,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
} as const

export const CLASS_IN = 1

export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
  BADCOOKIE: 23,
} as const

const rcodeNames = new Map<number, string>(Object.entries(Rcode).map(([name, rcode]) => [rcode, name]))

/** @returns its name, or its number where it has none here */
export const rcodeText = (rcode: number): string => rcodeNames.get(rcode) ?? String(rcode)

/** Bits of the header's second 16-bit word (RFC 1035 §4.1.1, RFC 4035 §3.2.3). */
export const Flag = {
  QR: 0x8000,
  OPCODE: 0x7800,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  AD: 0x0020,
  CD: 0x0010,
} as const

/** Extended DNS Errors (RFC 8914 §4). */
export const Ede = {
  OTHER: 0,
  STALE: 3,
  FORGED: 4,
  BLOCKED: 15,
  STALE_NXDOMAIN: 19,
  NO_REACHABLE_AUTHORITY: 22,
  NETWORK_ERROR: 23,
  INVALID_QUERY_TYPE: 30,
} as const

export const COOKIE_OPTION = 10
export const EDE_OPTION = 15
/** Provisional number that the drafts' implementations use for Structured DNS Errors. */
export const SDE_OPTION = 65_400

export const HEADER_BYTES = 12
/** What we advertise and the most we send over UDP (RFC 9715 §3). */
export const UDP_BYTES = 1232
export const CLASSIC_UDP_BYTES = 512
