/** Orders a backend may give for a line (docs/line-life-cycle.md, What an order does). `dormant` is no order: a modem that never got one. */
export const orderedServices = ['enabled', 'disabled', 'suspended', 'terminated'] as const
export type OrderedService = (typeof orderedServices)[number]
export type LineService = 'dormant' | OrderedService

export const reasonsOf = {
  enabled: ['subscribed', 'customer', 'support'],
  disabled: ['customer', 'support'],
  suspended: ['maintenance', 'network-protection'],
  terminated: ['contract-ended', 'main-contract-ended', 'retired'],
} as const satisfies Record<OrderedService, readonly string[]>
export type OrderReason = (typeof reasonsOf)[OrderedService][number]

/** Who asked for it. */
export type OrderedBy = 'customer' | 'support' | 'operator' | 'system'

/** Payload of the signed document `line/{lineId}/desired`. Times are seconds since 1970. */
export interface Desired {
  readonly v: 1
  readonly lineId: string
  readonly generation: number
  readonly sequence: number
  readonly service: OrderedService
  readonly reason: OrderReason
  readonly by: OrderedBy
  /** Of a suspension only: when it ends by itself. */
  readonly until?: number
  /** Of a suspension with `until`: what comes back; left out, `enabled`. */
  readonly then?: 'enabled' | 'disabled'
  /** The customer asked for named notices of what was blocked (privacy: off unless ordered). */
  readonly notices?: boolean
  readonly issuedAt: number
}

/** Payload of the signed document `fleet`: it can only take protection away. */
export interface FleetOrder {
  readonly v: 1
  readonly sequence: number
  readonly mode: 'run' | 'pause' | 'retire'
  /** Of pause and retire: lines with hash(lineId, salt) below it. */
  readonly percent?: number
  readonly salt?: string
  readonly reason: string
  readonly issuedAt: number
}
export type FleetMode = FleetOrder['mode']

/** What the modem's clocks say at one moment; seconds. */
export interface Instant {
  /** Wall clock; may be wrong and may jump. */
  readonly wall: number
  /** The time is surely not earlier than this (platform/trusted-time.ts). */
  readonly floor: number
  /** Monotonic, since an arbitrary start; comparable within one `boot` only. */
  readonly monotonic: number
  /** Differs after each start of the process. */
  readonly boot: string
}

/** How the end of a suspension is counted: by the monotonic clock, from an anchor; the wall clock only checks it. */
export interface Countdown {
  /** Seconds left at the anchor. */
  readonly left: number
  readonly boot: string
  readonly monotonic: number
  readonly wall: number
  /** Monotonic time at which a step of the wall clock was first seen; it is believed once it has lasted. */
  readonly stepSeen?: number
}

/** Said in `reported`, so that nothing about a clock goes unnoticed; `by` in seconds, forward positive. */
export interface ClockStep {
  readonly by: number
  readonly believed: boolean
}

export interface LineState {
  readonly lineId: string
  /** Number of the keys document since which the line role's keys are all new; orders under earlier keys rank below. */
  readonly epoch: number
  readonly generation: number
  readonly sequence: number
  readonly service: LineService
  /** `carried`: enabled before, by an order that cannot be verified yet; it ranks below every order. */
  readonly reason: OrderReason | 'never-ordered' | 'suspension-ended' | 'carried'
  readonly by: OrderedBy | 'modem'
  readonly until?: number
  readonly then?: 'enabled' | 'disabled'
  readonly notices?: boolean
  readonly issuedAt: number
  /** SHA-256 of the accepted order's content: equal numbers with other content are a conflict. */
  readonly digest: string
  readonly countdown?: Countdown
  readonly clockStep?: ClockStep
  /** The order as it was signed (JWS), to be verified again at each start; none before the first, and where it was carried. */
  readonly document?: string
}

export interface FleetState {
  readonly epoch: number
  readonly order: FleetOrder
  readonly digest: string
  /** The order as it was signed (JWS). */
  readonly document?: string
}

/** `wipe`: this line's counters and history, and the list if no line needs it any more. */
export type Effect = 'wipe'
export type OrderOutcome = 'applied' | 'ignored' | 'repeated' | 'rejected'

export interface Reduced<S = LineState> {
  readonly state: S
  readonly outcome: OrderOutcome
  /** LINE_CONFLICT, LINE_TERMINATED, LINE_OLDER, CLOCK_STEPPED, FLEET_CONFLICT, FLEET_OLDER */
  readonly code?: string
  readonly effects: readonly Effect[]
}
