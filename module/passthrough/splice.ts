import type { Socket } from 'node:net'

/** When one is gone, the other has nobody to talk to; what it was given before still goes out. */
function follow(gone: Socket, other: Socket): void {
  gone.on('error', () => other.destroy())
  gone.once('close', () => {
    if (!other.writableEnded) other.destroy()
  })
}

/**
 * Lets the bytes of two connections through to each other, unread; who does not read makes the other wait (`pipe`), and a
 * half that is closed closes the half behind it.
 * @param idleMs without a byte either way, after which both end
 * @returns cuts both at once
 */
export function splice(client: Socket, site: Socket, idleMs: number): () => void {
  const cut = () => {
    client.destroy()
    site.destroy()
  }
  follow(client, site)
  follow(site, client)
  // Whatever comes from one goes to the other: one timer sees both ways.
  site.setTimeout(idleMs, cut)
  client.pipe(site)
  site.pipe(client)
  return cut
}
