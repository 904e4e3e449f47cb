type Rgb = readonly [number, number, number]

function parse(colour: string): Rgb {
  const at = (i: number) => Number.parseInt(colour.slice(i, i + 2), 16)
  return [at(1), at(3), at(5)]
}

function luminance(colour: string): number {
  const [r, g, b] = parse(colour).map((value) => {
    const c = value / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  }) as unknown as Rgb
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

/** WCAG 2.2 contrast ratio of two `#rrggbb`, 1 to 21. */
export function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)]
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05)
}

function mix(colour: string, other: string, share: number): string {
  const [from, to] = [parse(colour), parse(other)]
  const part = (i: 0 | 1 | 2) =>
    Math.round(from[i] + (to[i] - from[i]) * share)
      .toString(16)
      .padStart(2, '0')
  return `#${part(0)}${part(1)}${part(2)}`
}

/** The colour, moved towards `towards` no further than the ratio against every background asks. */
export function readable(
  colour: string,
  towards: string,
  backgrounds: readonly string[],
  ratio: number,
): string {
  for (let step = 0; step < 20; step++) {
    const candidate = mix(colour, towards, step / 20)
    if (backgrounds.every((background) => contrast(candidate, background) >= ratio)) return candidate
  }
  return towards
}
