import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseScenarios, ScenarioRun } from '../helpers/scenario.ts'

const folder = join(import.meta.dirname, '..', 'scenarios')
const files = readdirSync(folder).filter((name) => name.endsWith('.txt'))

describe.each(files)('%s', (file) => {
  const scenarios = parseScenarios(file, readFileSync(join(folder, file), 'utf8'))
  it.each(scenarios)('$title', async (scenario) => {
    await new ScenarioRun().run(scenario)
    expect(scenario.lines.some(({ words }) => words[0] === 'expect' || words[0] === 'asked')).toBe(true)
  })
})
