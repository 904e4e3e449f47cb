import { interceptionList } from './interception-list.ts'

interceptionList({ title: 'iptables-legacy', backend: 'iptables', variant: 'iptables-legacy', long: true })
interceptionList({ title: 'iptables-nft', backend: 'iptables', variant: 'iptables-nft', long: false })
