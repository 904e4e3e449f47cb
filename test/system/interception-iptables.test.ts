import { interceptionList } from './interception-list.ts'

interceptionList({ title: 'iptables-legacy', backend: 'iptables', variant: 'iptables-legacy', kills: 2 })
interceptionList({ title: 'iptables-nft', backend: 'iptables', variant: 'iptables-nft', kills: 0 })
