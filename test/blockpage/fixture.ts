import type { PageData, ProtectionStatus } from '../../module/blockpage/page-data.ts'
import type { Category } from '../../module/category.ts'
import type { Branding } from '../../module/config/config.ts'

export const branding: Branding = {
  service: 'Proximus Secure Net',
  operator: 'Proximus',
  colour: '#5c2d91',
  helpUrl: 'https://www.proximus.be/support',
  reportUrl: 'https://www.proximus.be/securenet/report?name={name}&category={category}',
  phone: '0800 55 800',
}

const TODAY = 20_785
const week: [Category, number][][] = [
  [['phishing', 180]],
  [
    ['phishing', 210],
    ['malware', 1],
    ['resolver-bypass', 99],
  ],
  [],
  [
    ['phishing', 95],
    ['scam', 0],
  ],
  [['phishing', 260]],
  [
    ['phishing', 240],
    ['malware', 2],
  ],
  [['phishing', 249]],
]
/** 1,234 of phishing and three of malware. */
const days = week.map((stopped, i) => ({ day: TODAY - 6 + i, stopped: new Map(stopped) }))

export const protectedStatus: ProtectionStatus = {
  protecting: true,
  why: 'protecting',
  since: Date.UTC(2026, 10, 3, 13, 5),
  modem: '4F2A7C',
  listVersion: 1207,
  listAgeSeconds: 3 * 3600 + 5,
  listCheckedAt: null,
  days,
  unseen: null,
  testNames: ['malware.test.securenet.example', 'phishing.test.securenet.example'],
}

/** Blocks the given names and everything under them. */
export function dataOf(
  blocked: Record<string, Category>,
  status: ProtectionStatus = protectedStatus,
): PageData {
  const list = new Map(Object.entries(blocked))
  return {
    blockedAs(name) {
      for (let suffix = name; suffix !== ''; suffix = suffix.slice(suffix.indexOf('.') + 1 || 1e9)) {
        const category = list.get(suffix)
        if (category) return { category, suffix }
      }
      return null
    },
    status: () => status,
    asked: () => undefined,
  }
}
