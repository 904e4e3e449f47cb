/** Below a country's top-level domain these sell names, and are nobody's own: co.uk, com.au, ac.be. */
const REGISTRY_LABEL = /^(ac|co|com|edu|go|gob|gouv|gov|gv|id|ltd|me|mil|ne|net|nom|or|org|plc|sch)$/

/** Under these each name is another owner's; those that phishing is often found under. */
const SHARED_HOSTS: ReadonlySet<string> = new Set([
  ...['azurewebsites.net', 'blogspot.com', 'cloudfront.net', 'cprapid.com', 'duckdns.org', 'firebaseapp.com'],
  ...['framer.app', 'github.io', 'gitbook.io', 'godaddysites.com', 'herokuapp.com', 'myshopify.com'],
  ...[
    'netlify.app',
    'onrender.com',
    'pages.dev',
    'r2.dev',
    'surge.sh',
    'vercel.app',
    'web.app',
    'webflow.io',
  ],
  ...['weebly.com', 'weeblysite.com', 'wixsite.com', 'wixstudio.com', 'workers.dev', 'wordpress.com'],
])

/**
 * The part of a name that someone has registered, by a rule of thumb: the Public Suffix List alone is a sixth of the
 * bundle. A mistake marks a label too many or too few, and changes nothing about what is blocked.
 * @param name lower case A-labels
 * @returns how many labels that part has
 */
export function registrableLabels(name: string): number {
  const labels = name.split('.')
  const [second = '', top = ''] = labels.slice(-2)
  const isRegistry = /^[a-z]{2}$/.test(top) && REGISTRY_LABEL.test(second)
  return Math.min(labels.length, isRegistry || SHARED_HOSTS.has(`${second}.${top}`) ? 3 : 2)
}
