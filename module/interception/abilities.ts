/** What a kernel or an nft must be able to do, each tried alone when the whole is refused: code, words, what to try it by. */
export const abilities = [
  ['INTERCEPT_NO_INET', 'tables of family inet (kernel option NF_TABLES_INET)', ''],
  [
    'INTERCEPT_NO_SET_TIMEOUT',
    'sets with a time-out that rules renew (kernel option NFT_DYNSET or NF_TABLES_SET)',
    'set s {\ntype nf_proto\nflags dynamic,timeout\n}\nchain c {\nupdate @s { meta nfproto timeout 6s } delete @s { meta nfproto }\n}\n',
  ],
  [
    'INTERCEPT_NO_CT_ZONE',
    '`ct original zone set` (kernel options NFT_CT and NF_CONNTRACK_ZONES)',
    'chain c {\ntype filter hook prerouting priority raw\nct original zone set 53\n}\n',
  ],
  [
    'INTERCEPT_NO_NAT',
    'destination NAT in family inet (kernel options NFT_NAT and NF_TABLES_INET)',
    'chain c {\ntype nat hook prerouting priority dstnat\nmeta nfproto ipv4 udp dport 53 dnat ip to 198.18.0.1:5353\n}\n',
  ],
  [
    'INTERCEPT_NO_REJECT',
    '`reject` in family inet (kernel option NFT_REJECT_INET)',
    'chain c {\ntype filter hook forward priority filter\ntcp dport 853 reject with tcp reset\n}\n',
  ],
] as const
