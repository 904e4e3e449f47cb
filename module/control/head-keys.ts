import type { Head } from '../blocklist/format/head.ts'
import type { TrustedTime } from '../platform/trusted-time.ts'
import { refuseDocument } from './documents/jws.ts'
import type { Trust } from './documents/trust.ts'
import { verifyAgain } from './documents/verify.ts'

/** What the list's side needs of the keys. */
export class HeadKeys {
  readonly #trust: Pick<Trust, 'role' | 'past' | 'placeOf'> | null
  readonly #trustedTime: Pick<TrustedTime, 'recall'>

  /** @param trust null: there are no roots to verify from */
  constructor(
    trust: Pick<Trust, 'role' | 'past' | 'placeOf'> | null,
    trustedTime: Pick<TrustedTime, 'recall'>,
  ) {
    this.#trust = trust
    this.#trustedTime = trustedTime
  }

  /** Percent by which the number of names may change between two versions. */
  get maxChange(): number | undefined {
    return this.#trust?.role('list')?.keys.maxChange
  }

  /** A head that was kept since it was verified. @throws SecureNetError DOC_* */
  async verify(document: string): Promise<{ head: Head; epoch: number }> {
    if (!this.#trust) refuseDocument('DOC_NO_KEYS', 'head: there are no roots to verify it from')
    const { payload: head, epoch } = await verifyAgain('head', document, this.#trust)
    if (epoch === this.#trust.role('list')?.epoch) this.#trustedTime.recall(head.issuedAt, 'role')
    return { head, epoch }
  }
}
