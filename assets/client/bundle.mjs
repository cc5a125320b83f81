// Bundles src/index.js. The same sources give the same bytes on any machine.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const here = name => fileURLToPath(new URL(name, import.meta.url))

/** The most the script may weigh, in bytes after gzip -9. */
export const MAX_GZIP = 15000

// Who has a part in the bundle, and where their notice is. The package of
// ActionCable comes without one; licenses/actioncable.txt is that of its source,
// rails/rails.
const NOTICES = {
  '@rails/actioncable': 'licenses/actioncable.txt',
  cable_ready: 'node_modules/cable_ready/LICENSE.txt',
  morphdom: 'node_modules/morphdom/LICENSE'
}

/** @returns {{name: string, code: Buffer, gzip: number, licenses: string}} */
export async function bundle () {
  const result = await build({
    absWorkingDir: here('.'),
    entryPoints: ['src/index.js'],
    bundle: true,
    minify: true,
    target: 'es2020',
    format: 'iife',
    charset: 'utf8',
    legalComments: 'none',
    banner: { js: '/* Notices of the parts: LICENSES.txt */' },
    write: false,
    metafile: true
  })
  const code = Buffer.from(result.outputFiles[0].contents)
  const hash = createHash('sha256').update(code).digest('hex').slice(0, 12)
  return {
    name: `live-${hash}.js`,
    code,
    gzip: gzipSync(code, { level: 9 }).length,
    licenses: await licenses(Object.keys(result.metafile.inputs))
  }
}

async function licenses (inputs) {
  const packages = new Set(inputs.map(i => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(i)?.[1]).filter(Boolean))
  let text = 'The script live-*.js contains parts of the following packages.\n'
  for (const name of [...packages].sort()) {
    if (!NOTICES[name]) throw new Error(`no licence notice known for ${name}`)
    const { version } = JSON.parse(await readFile(here(`node_modules/${name}/package.json`), 'utf8'))
    const notice = (await readFile(here(NOTICES[name]), 'utf8')).trim()
    text += `\n${'-'.repeat(72)}\n${name} ${version}\n\n${notice}\n`
  }
  return text
}
