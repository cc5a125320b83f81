// Numbers in words.

const UNITS = [['day', 86400], ['hour', 3600], ['minute', 60]]

/** How long ago ms are: "3 minutes ago". */
export function ago (ms) {
  const s = Math.max(0, ms) / 1000 // their clock may be ahead
  for (const [unit, seconds] of UNITS) {
    const n = Math.floor(s / seconds)
    if (n) return `${count(n, unit)} ago`
  }
  return s < 10 ? 'just now' : 'less than a minute ago'
}

/** "1 cell", "2 cells". */
export const count = (n, what) => `${n} ${what}${n === 1 ? '' : 's'}`
