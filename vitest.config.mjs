import { defineConfig } from 'vitest/config'
import { viteSchemas } from './scripts/compile-schema.mjs'

export default defineConfig({
  plugins: [viteSchemas],
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
