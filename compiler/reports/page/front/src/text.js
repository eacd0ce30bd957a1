// Numbers for people.
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** `1.5 MB`; the same units as the command line. */
export function bytes(count) {
  let amount = count
  let unit = 0
  while (amount >= 1000 && unit < UNITS.length - 1) {
    amount /= 1000
    unit++
  }
  return `${unit && amount < 100 ? amount.toFixed(1) : Math.round(amount)} ${UNITS[unit]}`
}

/** `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function seconds(amount) {
  if (amount < 99.95) return `${amount.toFixed(1)} s`
  const whole = Math.round(amount)
  const minutes = Math.floor(whole / 60)
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** `1 target`, `2,000 targets`. */
export function counted(count, noun) {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}

/** `+1.5 MB`, `−20 kB`; empty for no difference. */
export function difference(count) {
  return count ? `${count > 0 ? '+' : '\u2212'}${bytes(Math.abs(count))}` : ''
}

/** One line of an instruction. */
export function oneLine(text) {
  return text.split(/\s+/).join(' ').trim()
}
