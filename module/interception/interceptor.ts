/** Interfaces on which interception holds, and those that were refused, each with a reason for a person. */
export interface InterfaceStates {
  armed: readonly string[]
  refused: readonly { interface: string; why: string }[]
}

export interface Renewed extends InterfaceStates {
  /** Somebody else had wiped or changed what is ours, and it stands again. */
  rebuilt: boolean
  /** As `translated()`, read in the same breath; left out where this renewal did not look. */
  translated?: number | null
  /** Where it did not look: whether the kernel has sent questions our way since; left out where it cannot tell. */
  asked?: boolean
  /** Packets to encrypted resolvers' port 853 refused so far; left out where nobody looked, or the back-end cannot count them. */
  bypassed?: number | null
}

/**
 * A back-end that turns the LAN's DNS towards us while a lease in the kernel lasts.
 * Nothing here decides when: line/protection.ts does; interception/lease.ts carries it out.
 */
export interface Interceptor {
  readonly name: 'nftables' | 'iptables' | 'none'
  /**
   * Checks that the tools and the kernel can do it and lays what is inert by itself.
   * @throws SecureNetError INTERCEPT_* naming what is missing; the LAN is left alone
   */
  prepare(): Promise<void>
  /** The first renewal: from here on the kernel intercepts until the lease runs out. */
  arm(interfaces: readonly string[]): Promise<InterfaceStates>
  /**
   * Restarts the kernel's clock without a gap; rebuilds what somebody else has wiped.
   * @param look `all`: questions seem to get lost, so everything is looked at now, and a firewall that only may refuse
   *   them is taken to do so
   */
  renew(interfaces: readonly string[], look?: 'all' | 'due'): Promise<Renewed>
  /** At once, and for good: nothing is left armed when it resolves. Safe to call at any time. */
  disarm(): Promise<void>
  /** Takes away everything of ours. */
  remove(): Promise<void>
  /** Questions that the kernel has let in to us so far: UDP, after routing, of a port that we answer; null where the back-end cannot count. */
  translated(): Promise<number | null>
}
