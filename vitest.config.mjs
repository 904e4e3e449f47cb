import { defineConfig } from 'vitest/config'
import { viteSchemas } from './scripts/compile-schema.mjs'
import { hookLimitMs, testLimitMs, waitLimitMs } from './test/helpers/limits.ts'

export default defineConfig({
  plugins: [viteSchemas],
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: './test/helpers/global-setup.ts',
    testTimeout: testLimitMs,
    hookTimeout: hookLimitMs,
    expect: { poll: { timeout: waitLimitMs } },
    maxWorkers: 2,
  },
})
