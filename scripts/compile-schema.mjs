import { readFile } from 'node:fs/promises'
import Ajv from 'ajv'
import standaloneCode from 'ajv/dist/standalone/index.js'
import { build } from 'esbuild'

/** Formats are plain patterns, so that the compiled code carries them and the modem needs no ajv. */
const formats = {
  ip: /^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)$/,
  ipv4: /^[0-9]{1,3}(\.[0-9]{1,3}){3}$/,
  ipv6: /^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/,
  'https-url': /^https:\/\/[^\s"'<>]+$/,
  digest: /^[A-Za-z0-9_-]{43}$/,
}

/** Keywords that say something to people alone; compiled code would carry them where it refers to a schema. */
const words = new Set(['title', 'description', 'examples', '$comment'])

function withoutWords(schema) {
  if (Array.isArray(schema)) return schema.map(withoutWords)
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(
    Object.entries(schema).flatMap(([key, value]) => {
      if (words.has(key) && typeof value !== 'object') return []
      return [[key, withoutWords(value)]]
    }),
  )
}

/** @returns an ES module whose `validate(data)` fills in defaults and leaves `validate.errors`; no imports left in it */
export async function compileSchema(path) {
  const schema = withoutWords(JSON.parse(await readFile(path, 'utf8')))
  const ajv = new Ajv({
    code: { source: true, esm: true },
    useDefaults: true,
    strict: true,
    allErrors: false,
    // base/schema-error.ts has the words, once.
    messages: false,
    // Code for each place that refers to a definition, or for each required member, would be half of the bundle's growth.
    inlineRefs: false,
    loopRequired: 2,
    formats,
  })
  const source = standaloneCode(ajv, ajv.compile(schema))
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: import.meta.dirname ?? process.cwd(), loader: 'js' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
    logLevel: 'error',
  })
  return outputFiles[0].text
}

const SUFFIX = '?compiled'

/** `import { validate } from '<schema>?compiled'` in a bundle made by esbuild. */
export const esbuildSchemas = {
  name: 'compiled-schemas',
  setup(bundler) {
    bundler.onResolve({ filter: /\.json\?compiled$/ }, async (args) => {
      const found = await bundler.resolve(args.path.slice(0, -SUFFIX.length), {
        resolveDir: args.resolveDir,
        kind: 'import-statement',
      })
      return { path: found.path, namespace: 'compiled-schema', errors: found.errors }
    })
    bundler.onLoad({ filter: /.*/, namespace: 'compiled-schema' }, async ({ path }) => ({
      contents: await compileSchema(path),
      loader: 'js',
      watchFiles: [path],
    }))
  },
}

/** The same for the test runner. */
export const viteSchemas = {
  name: 'compiled-schemas',
  enforce: 'pre',
  async load(id) {
    return id.endsWith(SUFFIX) ? compileSchema(id.slice(0, -SUFFIX.length)) : null
  },
}
