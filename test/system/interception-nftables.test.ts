import { interceptionList } from './interception-list.ts'

interceptionList({ title: 'nftables', backend: 'nftables', kills: 4 })
