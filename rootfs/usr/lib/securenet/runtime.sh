# How Node is started: memory before speed, a third of what it takes by itself under load (docs/adr/0005-memory.md).
# Sourced by the init script and read by scripts/household/runtime.ts: one line a variable, words between single quotes.
# shellcheck shell=dash disable=SC2034 # used by those that source this

NODE_FLAGS='--max-semi-space-size=1 --max-old-space-size=32 --optimize-for-size --incremental-marking-hard-trigger=30'
NODE_ENVIRONMENT='MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=262144'
