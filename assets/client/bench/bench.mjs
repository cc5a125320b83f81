// Measures the elements in a real Chromium: `npm run bench`. Another program than
// "chromium" is named by the variable CHROMIUM; with PICTURES=folder it also takes
// pictures of the page.
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { brotliCompressSync, constants } from 'node:zlib'
import { bundle } from '../bundle.mjs'
import { openBrowser } from './browser.mjs'

const SIDE = 1000
const board = Buffer.alloc(SIDE * SIDE)
for (let y = 0; y < SIDE; y++) { // half of it: bars and discs
  for (let x = 0; x < SIDE; x++) {
    const [u, v] = [x % 125, y % 125]
    if ((Math.floor(x / 125) + Math.floor(y / 125)) % 2) board[y * SIDE + x] = Math.hypot(u - 62, v - 62) < 50 ? 4 + (Math.floor(u / 16) + Math.floor(v / 16)) % 24 : 1
  }
}

const film = steps => {
  const b = Buffer.alloc(20 + board.length + 9 * steps)
  b.write('GPF1')
  b.writeUInt16BE(SIDE, 4)
  b.writeUInt16BE(SIDE, 6)
  b.writeBigUInt64BE(BigInt(Date.now() - 3_600_000), 8)
  b.writeUInt32BE(steps, 16)
  board.copy(b, 20)
  const at = 20 + board.length
  for (let i = 0; i < steps; i++) {
    b.writeUInt32BE(Math.floor(3_600_000 / steps), at + 4 * i)
    b.writeUInt32BE(Math.floor(Math.random() * SIDE * SIDE), at + 4 * (steps + i))
    b[at + 8 * steps + i] = i % 32
  }
  return b
}

const here = name => new URL(name, import.meta.url)
const elements = await bundle('elements')
const files = {
  '/': ['text/html', await readFile(here('page.html'))],
  '/measure.js': ['text/javascript', await readFile(here('measure.js'))],
  '/elements.js': ['text/javascript', elements.code],
  '/app.css': ['text/css', await readFile(here('../../css/app.css'))],
  '/elements.css': ['text/css', await readFile(here('../../css/elements.css'))],
  '/board.bin': ['application/octet-stream', board],
  '/replay': ['application/octet-stream', film(200_000)],
  '/cell': ['application/json', JSON.stringify({ colour: 3, painted: true, at: new Date(Date.now() - 200_000).toISOString(), site: 'lhr', region: 'lhr', by: 'k7qf2', known: true })]
}
const server = createServer((request, response) => {
  const [type, body] = files[request.url.split('?')[0]] || []
  if (!type) return response.writeHead(request.url === '/favicon.ico' ? 204 : 404).end()
  response.setHeader('Content-Security-Policy', "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'")
  response.setHeader('Content-Type', type)
  if (type !== 'application/octet-stream') return response.end(body)
  response.setHeader('Live-Position', 'lhr:1795500000000-0')
  response.setHeader('Content-Encoding', 'br')
  response.end(brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }))
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${server.address().port}/`

const browser = await openBrowser(1440, 1000)
const memory = async () => {
  await browser.page('HeapProfiler.collectGarbage')
  const { metrics } = await browser.page('Performance.getMetrics')
  const { processInfo } = await browser.call('SystemInfo.getProcessInfo')
  let resident = 0
  for (const { type, id } of processInfo) {
    if (type !== 'renderer') continue
    resident = Math.max(resident, Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${id}/smaps_rollup`, 'utf8'))[1]) / 1024)
  }
  const heap = metrics.find(m => m.name === 'JSHeapUsedSize').value / 2 ** 20
  return { 'JS heap MB': Number(heap.toFixed(1)), 'renderer PSS MB': Number(resident.toFixed(1)) }
}
const line = (what, figures) => console.log(what.padEnd(34), JSON.stringify(figures).replaceAll('"', '').replaceAll(',', '  '))
const picture = async name => {
  if (!process.env.PICTURES) return
  const { data } = await browser.page('Page.captureScreenshot', { format: 'png' })
  await writeFile(`${process.env.PICTURES}/${name}.png`, Buffer.from(data, 'base64'))
}
const size = (width, height, mobile) => browser.page('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: mobile ? 3 : 1, mobile })

try {
  console.log(`${elements.name}: ${elements.code.length} bytes, gzip -9 ${elements.gzip}`)
  line('memory before', await memory())
  await browser.page('Page.navigate', { url })
  await browser.run(`new Promise(r => { const w = () => window.measure ? r() : setTimeout(w, 20); w() })`)
  await browser.run('measure.ready()')
  line('memory with a board of 1,000 × 1,000', await memory())
  if (process.env.PICTURES) {
    for (const [width, height, mobile] of [[1440, 1000, false], [768, 1024, true], [360, 740, true]]) {
      await size(width, height, mobile)
      await browser.run('measure.show()')
      await picture('elements-' + width)
    }
    for (const [name, value] of [['prefers-color-scheme', 'dark'], ['forced-colors', 'active'], ['prefers-reduced-motion', 'reduce']]) {
      await browser.page('Emulation.setEmulatedMedia', { features: [{ name, value }] })
      await browser.run('measure.near()')
      await picture('elements-' + value)
    }
    await browser.page('Emulation.setEmulatedMedia', { features: [] })
    await browser.page('Emulation.clearDeviceMetricsOverride')
    await browser.run('measure.near()')
    await picture('elements-near')
    await browser.run('measure.replay()')
    await picture('elements-replay')
    await browser.run('measure.replay()')
  }
  for (const rate of [1, 4]) {
    await browser.page('Emulation.setCPUThrottlingRate', { rate })
    console.log(`\nCPU throttle ${rate} ×, times in ms`)
    await browser.run('measure.fit()')
    line('nothing happens', await browser.run('measure.idle()'))
    line('84 cells a frame (5,000 a second)', await browser.run('measure.apply(84)'))
    line('1,000 cells a frame', await browser.run('measure.apply(1000)'))
    line('10,000 cells a frame', await browser.run('measure.apply(10000)'))
    line('pan', await browser.run('measure.pan()'))
    line('zoom', await browser.run('measure.zoom()'))
    line('84 cells a frame, near', await browser.run('measure.apply(84)'))
    line('100 pointers at 20 Hz', await browser.run('measure.cursors()'))
  }
  await browser.page('Emulation.setCPUThrottlingRate', { rate: 1 })
  line('\nmemory after', await memory())
  const faults = browser.faults()
  console.log(faults.length ? `faults: ${faults.join('\n')}` : 'no fault, nothing against the policy')
  process.exitCode = faults.length ? 1 : 0
} finally {
  await browser.close()
  server.close()
}
