import { randomBytes } from 'node:crypto'
import type { Broker } from './broker.ts'
import { signerOf } from './keys.ts'
import type { OrderTools } from './orders.ts'
import { openStore } from './register/open-store.ts'
import { Register } from './register/register.ts'
import type { KeyFolder } from './signing/key-folder.ts'

export const newAct = () => randomBytes(9).toString('base64url')

/** For a program that is an operator itself: the household, the fleet simulator, the bench. */
export async function programTools(
  who: string,
  parts: { broker: Broker; keys: KeyFolder; registerDir: string },
): Promise<OrderTools & { close(): Promise<void> }> {
  const { broker, keys, registerDir } = parts
  const now = () => Date.now()
  const register = new Register(await openStore(registerDir), now)
  const { sign, verify } = signerOf(keys)
  let act: Promise<string> | undefined
  const begin = () => register.begin({ act: newAct(), who, why: '', ticket: '', command: who })
  return {
    broker,
    register,
    sign,
    verify,
    now,
    act: () => (act ??= begin()),
    close: () => register.close(),
  }
}
