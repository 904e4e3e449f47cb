// Names under which strangers register or host: an exception for one would be an exception for whoever rents a name there.
// The modem has no public suffix list (11,000 rules that change weekly, and would need a signature of their own). It knows
// what pays for an attacker: every top-level domain, the registries' second levels, and the hosts that phishing uses most.

/** Second levels that registries of countries share out below (co.uk, com.br, gouv.fr). */
const registryLabels = new Set(
  'ac asso biz co com coop edu go gob gouv gov info int mil name ne net nom or org sch'.split(' '),
)

/** Where anyone has a name for the asking, below the name itself. */
const hosts = new Set([
  ...['amplifyapp.com', 'appspot.com', 'awsapprunner.com', 'azureedge.net', 'azurestaticapps.net'],
  ...['azurewebsites.net', 'b-cdn.net', 'backblazeb2.com', 'blogspot.com', 'bubbleapps.io', 'canva.site'],
  ...['cloudapp.azure.com', 'cloudapp.net', 'cloudfront.net', 'codeberg.page', 'core.windows.net'],
  ...['blob.core.windows.net', 'web.core.windows.net', 'ddns.net', 'deno.dev', 'digitaloceanspaces.com'],
  ...['duckdns.org', 'dweb.link', 'elasticbeanstalk.com', 'firebaseapp.com', 'fly.dev', 'framer.app'],
  ...['github.io', 'gitlab.io', 'glitch.me', 'godaddysites.com', 'herokuapp.com', 'hopto.org', 'ipfs.io'],
  ...['linodeobjects.com', 'lovable.app', 'myshopify.com', 'netlify.app', 'ngrok.app', 'ngrok.io'],
  ...['no-ip.org', 'notion.site', 'ondigitalocean.app', 'onrender.com', 'pages.dev', 'r2.dev', 'repl.co'],
  ...['replit.app', 'run.app', 'square.site', 'storage.googleapis.com', 'strikingly.com', 'surge.sh'],
  ...['translate.goog', 'trycloudflare.com', 'vercel.app', 'web.app', 'webflow.io', 'weebly.com'],
  ...['windows.net', 'wixsite.com', 'wordpress.com', 'workers.dev', '000webhostapp.com'],
])

/** Amazon's regions are names between: s3.eu-west-1.amazonaws.com. */
const parentsOfHosts = ['amazonaws.com', 'googleapis.com', 'azure.com']

/** @param name A-label, without the final dot */
export function isWide(name: string): boolean {
  const labels = name.toLowerCase().split('.')
  if (labels.length === 1) return true
  const [first = '', last = ''] = labels
  if (labels.length === 2 && last.length === 2 && registryLabels.has(first)) return true
  return hosts.has(labels.join('.')) || parentsOfHosts.includes(labels.join('.'))
}
