/** What the chain asks of the line and the list; the daemon answers. */
export interface QueryPolicy {
  /** False: every name resolves as if we were not there. */
  readonly filtering: boolean
  /** Grows whenever a verdict may change: new list, allow list, or order. */
  readonly revision: number
  /**
   * @param wire an uncompressed lower-cased wire name from `start`
   * @returns the category of the block, or -1
   */
  verdict(wire: Uint8Array, start: number): number
  /** Whether the operator allows the name, or it belongs to the core: then where it leads is no matter either. */
  exempt(wire: Uint8Array, start: number): boolean
}
