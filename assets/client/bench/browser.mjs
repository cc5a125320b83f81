// Chromium, driven over a pipe by the DevTools protocol.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Starts Chromium with one page. */
export async function openBrowser (width, height) {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'))
  const chromium = spawn(process.env.CHROMIUM || 'chromium', [
    '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--disable-quic', '--remote-debugging-pipe', `--user-data-dir=${folder}`, `--window-size=${width},${height}`, 'about:blank'
  ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
  const [, , , up, down] = chromium.stdio
  const waiting = new Map()
  let count = 0
  let text = ''
  const said = []
  down.setEncoding('utf8')
  down.on('data', chunk => {
    const messages = (text + chunk).split('\0')
    text = messages.pop()
    for (const message of messages.map(m => JSON.parse(m))) {
      const { resolve, reject } = waiting.get(message.id) || {}
      waiting.delete(message.id)
      if (message.method) said.push(message)
      else if (message.error) reject?.(new Error(message.error.message))
      else resolve?.(message.result)
    }
  })
  const call = (method, params, sessionId) => new Promise((resolve, reject) => {
    waiting.set(++count, { resolve, reject })
    up.write(JSON.stringify({ id: count, method, params, sessionId }) + '\0')
  })
  const { targetInfos } = await call('Target.getTargets')
  const { targetId } = targetInfos.find(t => t.type === 'page')
  const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true })
  const page = (method, params) => call(method, params, sessionId)
  for (const domain of ['Page', 'Runtime', 'Log', 'Performance']) await page(domain + '.enable')

  return {
    call,
    page,
    /** Faults of the page and of its policy. */
    faults: () => said.filter(m => m.method === 'Runtime.exceptionThrown' || m.method === 'Log.entryAdded').map(m => JSON.stringify(m.params)),
    async run (expression) {
      const { result, exceptionDetails } = await page('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description || exceptionDetails.text)
      return result.value
    },
    async close () {
      await call('Browser.close').catch(() => {})
      await new Promise(resolve => chromium.exitCode === null ? chromium.once('exit', resolve) : resolve())
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
    }
  }
}
