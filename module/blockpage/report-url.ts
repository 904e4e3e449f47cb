import type { Branding } from '../config/config.ts'

/** The configured address with the blanks filled in; nothing is sent before the reader opens it. */
export function reportUrl(
  branding: Branding,
  { name, category }: { name: string; category: string },
): string {
  return branding.reportUrl
    .replaceAll('{name}', () => encodeURIComponent(name))
    .replaceAll('{category}', () => encodeURIComponent(category))
}
