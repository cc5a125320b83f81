// Bundles the page's scripts. The same sources give the same bytes on any machine.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const here = name => fileURLToPath(new URL(name, import.meta.url))

/** The most that each script may weigh, in bytes after gzip -9. */
export const MAX_GZIP = 15000

/** The scripts by what their names begin with. */
export const SCRIPTS = { live: 'src/index.js', elements: 'src/elements/index.js' }

// Who has a part in a bundle, and where their notice is. The package of
// ActionCable comes without one; licenses/actioncable.txt is that of its source,
// rails/rails.
const NOTICES = {
  '@rails/actioncable': 'licenses/actioncable.txt',
  cable_ready: 'node_modules/cable_ready/LICENSE.txt',
  morphdom: 'node_modules/morphdom/LICENSE'
}

/** @returns {{name: string, code: Buffer, gzip: number, licenses: string}} of the script whose name begins so */
export async function bundle (script = 'live') {
  const result = await build({
    absWorkingDir: here('.'),
    entryPoints: [SCRIPTS[script]],
    bundle: true,
    minify: true,
    target: 'es2020',
    format: 'iife',
    charset: 'utf8',
    legalComments: 'none',
    banner: script === 'live' ? { js: '/* Notices of the parts: LICENSES.txt */' } : {},
    write: false,
    metafile: true
  })
  const code = Buffer.from(result.outputFiles[0].contents)
  const hash = createHash('sha256').update(code).digest('hex').slice(0, 12)
  return {
    name: `${script}-${hash}.js`,
    code,
    gzip: gzipSync(code, { level: 9 }).length,
    licenses: await licenses(script, Object.keys(result.metafile.inputs))
  }
}

/** The notices of one script's parts, "" if it is all ours. */
async function licenses (script, inputs) {
  const packages = new Set(inputs.map(i => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(i)?.[1]).filter(Boolean))
  if (!packages.size) return ''
  let text = `The script ${script}-*.js contains parts of the following packages.\n`
  for (const name of [...packages].sort()) {
    if (!NOTICES[name]) throw new Error(`no licence notice known for ${name}`)
    const { version } = JSON.parse(await readFile(here(`node_modules/${name}/package.json`), 'utf8'))
    const notice = (await readFile(here(NOTICES[name]), 'utf8')).trim()
    text += `\n${'-'.repeat(72)}\n${name} ${version}\n\n${notice}\n`
  }
  return text
}
