// Writes ../dist: the scripts, named by their content, and the notices of their parts.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { MAX_GZIP, SCRIPTS, bundle } from './bundle.mjs'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const scripts = await Promise.all(Object.keys(SCRIPTS).map(s => bundle(s)))

let large = false
for (const { name, code, gzip } of scripts) {
  console.log(`${name}: ${code.length} bytes, gzip -9 ${gzip}, brotli 11 ${brotliCompressSync(code).length}`)
  if (gzip <= MAX_GZIP) continue
  console.error(`${name} is too large: ${gzip} bytes after gzip, at most ${MAX_GZIP}`)
  large = true
}
if (large) process.exit(1)

await mkdir(dist, { recursive: true })
const names = scripts.map(s => s.name)
for (const old of await readdir(dist)) if (old.endsWith('.js') && !names.includes(old)) await rm(dist + old)
for (const { name, code } of scripts) await writeFile(dist + name, code)
await writeFile(dist + 'LICENSES.txt', scripts.map(s => s.licenses).filter(Boolean).join('\n'))
