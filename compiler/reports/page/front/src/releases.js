// Releases: their sizes over time, and what changed in each.
import { scaleBand, scaleLinear } from 'd3-scale'
import { useMemo } from 'preact/hooks'

import { html } from './html.js'
import { TargetLink } from './parts.js'
import { bytes, counted, difference } from './text.js'

const [WIDTH, HEIGHT] = [1000, 220]
const MOST = 40 // the newest releases that the chart shows

export function Releases({ model, targets }) {
  const rows = useMemo(() => compared(model, targets), [model, targets])
  if (!rows.length) return html`<p class="empty">No release has been published.</p>`
  return html`
    <section aria-labelledby="sizes"><h2 id="sizes">Sizes</h2><${Sizes} model=${model} rows=${rows.slice(-MOST)} /></section>
    <section aria-labelledby="changes"><h2 id="changes">What changed</h2>
      <div class="scroll" tabindex="0" role="group" aria-label="What changed"><table class="rows">
        <thead><tr><th scope="col">Release</th><th scope="col">Targets</th><th scope="col">Size</th><th scope="col">Difference</th><th scope="col">Images</th></tr></thead>
        <tbody>${[...rows].reverse().map(row => html`<tr><th scope="row">${row.release}</th><td>${row.targets.size}</td><td>${bytes(row.size)}</td>
          <td>${difference(row.difference)}</td><td><${Changes} model=${model} row=${row} /></td></tr>`)}</tbody>
      </table></div></section>
  `
}

/** Each release with its selected targets, and what differs from the one before. */
function compared(model, targets) {
  const names = new Set(targets.map(target => target.name))
  const isAll = targets.length === model.targets.length
  let before = new Map()
  return model.releases.map(({ release, images }) => {
    const found = new Map([...images].filter(([name]) => names.has(name) || (isAll && !model.filters.length)))
    const rows = [...found].map(([name, [digest, fingerprint, size]]) => {
      const old = before.get(name)
      const kind = !old ? 'added' : old[0] === digest ? 'equal' : old[1] === fingerprint ? 'rebuilt' : 'changed'
      return { name, kind, size, difference: old ? size - old[2] : 0 }
    })
    const removed = [...before.keys()].filter(name => !found.has(name)).map(name => ({ name, kind: 'removed', difference: 0 }))
    const size = sum(rows.map(row => row.size))
    const difference = before.size ? size - sum([...before.values()].map(one => one[2])) : 0
    const first = before.size === 0
    before = found
    return { release, targets: found, size, difference, changes: first ? [] : [...rows, ...removed], first }
  })
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0)
}

function Changes({ model, row }) {
  if (row.first) return 'first release'
  const kinds = ['changed', 'rebuilt', 'added', 'removed'].map(kind => [kind, row.changes.filter(one => one.kind === kind)]).filter(([, found]) => found.length)
  if (!kinds.length) return 'none'
  return kinds.map(([kind, found]) => html`<details class="names"><summary>${found.length} ${kind}</summary>
    <ul>${found.map(one => html`<li><${TargetLink} name=${one.name} known=${model.byName.has(one.name)} /> <span class="count">${difference(one.difference)}</span></li>`)}</ul></details>`)
}

/** The total size of each release, by image. */
function Sizes({ model, rows }) {
  const imageOf = name => model.byName.get(name)?.imageName ?? 'other'
  const images = [...new Set(rows.flatMap(row => [...row.targets.keys()].map(imageOf)))]
  const x = scaleBand(rows.map((_, at) => at), [0, WIDTH]).padding(0.25)
  const y = scaleLinear([0, Math.max(...rows.map(row => row.size)) || 1], [HEIGHT, 10])
  return html`<figure class="sizes">
    <div class="plot"><div class="axis-y" aria-hidden="true">${y.ticks(4).map(tick => html`<span style=${{ top: `${(100 * y(tick)) / HEIGHT}%` }}>${bytes(tick)}</span>`)}</div>
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label="The total size of each release; the table below has the numbers">
      ${y.ticks(4).map(tick => html`<line class="line" x1="0" x2=${WIDTH} y1=${y(tick)} y2=${y(tick)} />`)}
      ${rows.map((row, at) => {
        let base = 0
        return images.map((image, number) => {
          const size = sum([...row.targets].filter(([name]) => imageOf(name) === image).map(([, one]) => one[2]))
          const top = y(base + size)
          const bar = html`<rect class=${`hue-${number % 8}`} x=${x(at)} width=${x.bandwidth()} y=${top} height=${y(base) - top} />`
          base += size
          return bar
        })
      })}</svg></div>
    <div class="scale bands" aria-hidden="true">${rows.map((row, at) => html`<span style=${{ left: `${(100 * (x(at) + x.bandwidth() / 2)) / WIDTH}%` }}>${row.release}</span>`)}</div>
    <figcaption><ul class="legend" aria-label="Images">${images.map((image, number) => html`<li><span class=${`swatch hue-${number % 8}`} aria-hidden="true"></span>${image}</li>`)}</ul>
      Compressed size of ${counted(rows.length, 'release')}, all platforms together.</figcaption>
  </figure>`
}
