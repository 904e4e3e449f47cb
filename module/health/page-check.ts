import { get } from 'node:http'
import type { Endpoint } from '../config/config.ts'

/** Whether the page answers for a blocked host, as a browser would ask; never rejects. */
export function pageAnswers({ address, port }: Endpoint, host: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = get(
      { host: address, port, headers: { host }, timeout: timeoutMs, agent: false },
      (answer) => {
        answer.resume()
        resolve(answer.statusCode === 403 || answer.statusCode === 200)
      },
    )
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(false))
  })
}
