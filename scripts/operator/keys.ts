import type { Sign } from './orders.ts'
import type { Profile } from './profile.ts'
export async function openKeys(_profile: Profile): Promise<Sign> {
  throw new Error('placeholder')
}
