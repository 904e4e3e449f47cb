import { household } from './module-config.ts'
import type { Settings } from './settings.ts'

const UNLISTED_NAME = 'example.com'

/**
 * What to try from a second terminal: a command on each line, behind nothing but blanks, so that it can be copied however
 * narrow the terminal is.
 * @param listed a name of the list
 */
export function readyBlock({ dnsPort, pagePort }: Settings, listed: string): string {
  const page = `http://${household.pageAddress}:${pagePort}/`
  const tries: [string, string][] = [
    ['a listed name is blocked', `dig -p ${dnsPort} @127.0.0.1 ${listed}`],
    ['any other resolves', `dig -p ${dnsPort} @127.0.0.1 ${UNLISTED_NAME}`],
    ['the status page, in a browser', page],
    ['the block page', `curl -H 'Host: ${listed}' ${page}`],
    ['what the modem measures', 'npm run securenet -- status'],
    ['switch protection off (or enable)', `npm run operator -- line disable ${household.lineId}`],
    ['what the operator sees', `npm run operator -- line show ${household.lineId}`],
  ]
  return [
    'Protected. To try it, in a second terminal:',
    ...tries.flatMap(([what, command]) => ['', `  ${what}`, `    ${command}`]),
    '',
    'Ctrl-C stops everything.',
  ].join('\n')
}
