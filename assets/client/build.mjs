// Writes ../dist: the script, named by its content, and the notices of its parts.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { MAX_GZIP, bundle } from './bundle.mjs'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const { name, code, gzip, licenses } = await bundle()

console.log(`${name}: ${code.length} bytes, gzip -9 ${gzip}, brotli 11 ${brotliCompressSync(code).length}`)
if (gzip > MAX_GZIP) {
  console.error(`the script is too large: ${gzip} bytes after gzip, at most ${MAX_GZIP}`)
  process.exit(1)
}

await mkdir(dist, { recursive: true })
for (const old of await readdir(dist)) if (/^live-.*\.js$/.test(old) && old !== name) await rm(dist + old)
await writeFile(dist + name, code)
await writeFile(dist + 'LICENSES.txt', licenses)
