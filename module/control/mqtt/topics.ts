import type { ChunkRef } from '../../blocklist/format/chunk-ref.ts'

const ROOT = 'securenet/v1'

/** Every topic of the contract (docs/asyncapi.yaml), and nowhere else a topic string. */
export const topics = {
  desired: (lineId: string) => `${ROOT}/line/${lineId}/desired`,
  reported: (lineId: string) => `${ROOT}/line/${lineId}/reported`,
  event: (lineId: string) => `${ROOT}/line/${lineId}/event`,
  presence: (modemId: string) => `${ROOT}/modem/${modemId}/presence`,
  telemetry: (modemId: string) => `${ROOT}/modem/${modemId}/telemetry`,
  request: (modemId: string) => `${ROOT}/modem/${modemId}/request`,
  response: (modemId: string) => `${ROOT}/modem/${modemId}/response`,
  head: (list: string) => `${ROOT}/list/${list}/head`,
  snapshot: (list: string, version: number, index: number) =>
    `${ROOT}/list/${list}/${version}/snapshot/${index}`,
  delta: (list: string, version: number, from: number, index: number) =>
    `${ROOT}/list/${list}/${version}/delta/${from}/${index}`,
  fleet: () => `${ROOT}/fleet`,
  keys: (number: number | '+') => `${ROOT}/keys/${number}`,
} as const

export type TopicName = keyof typeof topics

/** What travels on a topic; `jws` are signed documents whose `typ` is the kind, `json` is checked by its schema. */
export interface Payload {
  readonly form: 'jws' | 'json' | 'bytes'
  /** The schema of the payload (of the JWS: of its claims), under module/control/schemas/. */
  readonly schema?: string
  readonly retained: boolean
  readonly from: 'backend' | 'modem'
}

const jws = (kind: string, retained = true): Payload => ({
  form: 'jws',
  schema: `${kind}.json`,
  retained,
  from: 'backend',
})
const json = (kind: string, retained: boolean): Payload => ({
  form: 'json',
  schema: `${kind}.json`,
  retained,
  from: 'modem',
})
const bytes: Payload = { form: 'bytes', retained: true, from: 'backend' }

export const payloads: Readonly<Record<TopicName, Payload>> = {
  desired: jws('desired'),
  reported: json('reported', true),
  event: json('event', false),
  presence: json('presence', true),
  telemetry: json('telemetry', false),
  request: jws('request', false),
  response: json('response', false),
  head: jws('head'),
  snapshot: bytes,
  delta: bytes,
  fleet: jws('fleet'),
  keys: jws('keys'),
}

/** Where one chunk of a list is retained. */
export function chunkTopic(ref: ChunkRef): string {
  return ref.kind === 'delta'
    ? topics.delta(ref.list, ref.version, ref.from ?? 0, ref.index)
    : topics.snapshot(ref.list, ref.version, ref.index)
}
