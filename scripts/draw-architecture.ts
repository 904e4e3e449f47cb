import { writeFileSync } from 'node:fs'
import { architectureSvg } from './check/architecture-svg.ts'
import { layout } from './check/layout.ts'
import { readSources } from './check/source-files.ts'

writeFileSync('docs/architecture.svg', architectureSvg(layout, readSources('.')))
