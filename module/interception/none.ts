import type { Interceptor } from './interceptor.ts'

/** Serves whoever asks it directly and touches nothing. `why` is told for every interface that was to be armed. */
export function createNone(why: string): Interceptor {
  const refuse = (interfaces: readonly string[]) => ({
    armed: [],
    refused: interfaces.map((name) => ({ interface: name, why })),
  })
  return {
    name: 'none',
    prepare: async () => {},
    arm: async (interfaces) => refuse(interfaces),
    renew: async (interfaces) => ({ ...refuse(interfaces), rebuilt: false, translated: null }),
    disarm: async () => {},
    remove: async () => {},
    translated: async () => null,
  }
}
