import { interceptionList } from './interception-list.ts'

interceptionList({ title: 'nftables', backend: 'nftables', long: true })
