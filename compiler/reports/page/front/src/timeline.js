// The recorded build over time: which step ran when, what it waited for, how busy the cores were.
import { scaleLinear } from 'd3-scale'
import { useMemo, useState } from 'preact/hooks'

import { html } from './html.js'
import { Figure, Names, TargetLink } from './parts.js'
import { bytes, counted, oneLine, seconds } from './text.js'

const PAGE = 300 // steps that are shown at first
const LEAST = [0, 0.1, 0.5, 1, 5, 10, 30]
const [WIDTH, HEIGHT] = [1000, 90]

export function Timeline({ model, targets, options, change }) {
  const { build } = model
  const steps = useMemo(() => readSteps(build), [build])
  const names = useMemo(() => new Set(targets.map(target => target.name)), [targets])
  const least = Number(options.least ?? 0.1) || 0
  const shown = steps.filter(step => !step.cached && step.end - step.start >= least && isOf(step, names, targets.length === model.targets.length))
  return html`
    <dl class="figures">
      <${Figure} value=${seconds(build.seconds)} label="build" />
      <${Figure} value=${seconds(build.executed)} label="of steps" />
      <${Figure} value=${build.cores} label="cores" />
      <${Figure} value=${seconds(build.lower_bound)} label="lower bound" />
      <${Figure} value=${seconds(build.saved)} label="saved by sharing" />
    </dl>
    <section aria-labelledby="cores"><h2 id="cores">Steps at the same time</h2><${Load} build=${build} steps=${steps} /></section>
    <section aria-labelledby="steps"><h2 id="steps">Steps</h2>
      <div class="controls"><span class="control"><label for="least">Steps of at least</label>
        <select id="least" value=${String(least)} onChange=${event => change({ least: event.currentTarget.value })}>
          ${LEAST.map(one => html`<option value=${one}>${one ? `${one} s` : 'any duration'}</option>`)}</select></span>
        <ul class="legend" aria-label="Colours"><li><span class="swatch bar-step" aria-hidden="true"></span>runs</li>
          <li><span class="swatch bar-critical" aria-hidden="true"></span>on the critical path</li>
          <li><span class="swatch bar-wait" aria-hidden="true"></span>waits, although its inputs are complete</li></ul></div>
      <${Bars} ...${{ model, steps, shown, total: build.seconds }} />
    </section>
  `
}

function isOf(step, names, all) {
  return all || step.targets.some(name => names.has(name))
}

/** The steps with what they waited for and what waited for them. */
function readSteps(build) {
  const steps = build.steps.map(([text, targets, inputs, start, end, cached, size], index) => ({
    index, text: oneLine(text) || 'internal step', targets, inputs, start, end, cached, size, dependents: [], critical: false,
  }))
  for (const step of steps) {
    for (const input of step.inputs) steps[input].dependents.push(step.index)
    const before = step.inputs.map(input => steps[input]).sort((one, other) => other.end - one.end)[0]
    step.last = before
    step.ready = Math.min(step.start, before?.end ?? 0)
  }
  const ordered = [...steps].sort((one, other) => one.start - other.start || one.end - other.end || one.index - other.index)
  markCriticalPath(ordered, steps)
  return ordered
}

/** Mark the longest chain of steps that depend on each other, as `layers --recorded` does. */
function markCriticalPath(ordered, steps) {
  const longest = new Map()
  const before = new Map()
  for (const step of ordered) {
    const inputs = step.inputs.map(input => steps[input]).filter(input => longest.has(input))
    const previous = inputs.reduce((best, input) => (best && longest.get(best) >= longest.get(input) ? best : input), undefined)
    before.set(step, previous)
    longest.set(step, (step.cached ? 0 : step.end - step.start) + (longest.get(previous) ?? 0))
  }
  let step = ordered.reduce((best, one) => (best && longest.get(best) >= longest.get(one) ? best : one), undefined)
  for (; step; step = before.get(step)) step.critical = true
}

/** How many steps ran at each moment, next to the number of cores. */
function Load({ build, steps }) {
  const levels = useMemo(() => loadOf(steps), [steps])
  const most = Math.max(build.cores, ...levels.map(([, count]) => count))
  const x = scaleLinear([0, build.seconds || 1], [0, WIDTH])
  const y = scaleLinear([0, most], [HEIGHT, 4])
  const path = levels.reduce((text, [time, count]) => `${text}H${x(time).toFixed(1)}V${y(count).toFixed(1)}`, `M0 ${HEIGHT}`)
  const busy = levels.reduce((sum, [time, count], at) => sum + Math.min(count, build.cores) * ((levels[at + 1]?.[0] ?? time) - time), 0)
  const share = build.seconds ? Math.round((100 * busy) / (build.seconds * build.cores)) : 0
  const text = `On average ${share} % of ${counted(build.cores, 'core')} had a step to run; at most ${counted(Math.max(0, ...levels.map(([, count]) => count)), 'step')} ran at the same time.`
  return html`<figure class="load"><svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${text}>
      <path class="area" d=${`${path}H${WIDTH}V${HEIGHT}Z`} />
      <line class="limit" x1="0" x2=${WIDTH} y1=${y(build.cores)} y2=${y(build.cores)} /></svg>
    <${Scale} total=${build.seconds} />
    <figcaption>${text} The line is the number of cores.</figcaption></figure>`
}

function loadOf(steps) {
  const events = steps.filter(step => !step.cached && step.end > step.start).flatMap(({ start, end }) => [[start, 1], [end, -1]])
  events.sort((one, other) => one[0] - other[0] || one[1] - other[1])
  let count = 0
  const levels = new Map()
  for (const [time, change] of events) levels.set(time, (count += change))
  return [...levels]
}

function Scale({ total }) {
  const ticks = scaleLinear([0, total || 1], [0, 100])
  return html`<div class="scale" aria-hidden="true">${ticks.ticks(8).map(time => html`<span style=${{ left: `${ticks(time)}%` }}>${time} s</span>`)}</div>`
}

function Bars({ model, steps, shown, total }) {
  const [limit, setLimit] = useState(PAGE)
  const [chosen, setChosen] = useState(null)
  const byIndex = useMemo(() => new Map(steps.map(step => [step.index, step])), [steps])
  const selected = chosen === null ? undefined : byIndex.get(chosen)
  const relation = step => (step === selected ? 'chosen' : selected?.inputs.includes(step.index) ? 'input' : selected?.dependents.includes(step.index) ? 'dependent' : '')
  if (!shown.length) return html`<p class="empty">No step of these targets took that long.</p>`
  return html`<div class="timeline"><div class="lane"><span></span><${Scale} total=${total} /></div>
    <ol>${shown.slice(0, limit).map(step => html`<li key=${step.index} class=${relation(step)}>
      <button type="button" class="lane" aria-expanded=${step === selected} onClick=${() => setChosen(step === selected ? null : step.index)}>
        <span class="label"><span class="of">${owner(step)}</span> ${step.text}
          <span class="hidden">, ${seconds(step.end - step.start)} from ${seconds(step.start)}${relation(step) ? `, ${relation(step)}` : ''}</span></span>
        <span class="track" aria-hidden="true"><${Bar} step=${step} total=${total} /></span>
      </button>
      ${step === selected && html`<${Detail} model=${model} step=${step} byIndex=${byIndex} />`}</li>`)}</ol>
    ${shown.length > limit && html`<p><button type="button" onClick=${() => setLimit(limit + PAGE)}>Show ${Math.min(PAGE, shown.length - limit)} more of ${counted(shown.length, 'step')}</button></p>`}
  </div>`
}

function owner({ targets }) {
  return targets.length > 1 ? `${targets[0]} +${targets.length - 1}` : (targets[0] ?? '')
}

function Bar({ step, total }) {
  const percent = time => `${(100 * time) / (total || 1)}%`
  const place = (start, end) => ({ left: percent(start), width: percent(end - start) })
  return html`${step.start - step.ready > 0.05 && step.last && html`<span class="bar-wait" style=${place(step.ready, step.start)}></span>`}
    <span class=${step.critical ? 'bar-critical' : 'bar-step'} style=${place(step.start, step.end)}></span>
    <span class="time" style=${step.end < 0.9 * total ? { left: percent(step.end) } : { right: percent(total - step.start) }}>${seconds(step.end - step.start)}</span>`
}

function Detail({ model, step, byIndex }) {
  const waited = step.start - step.ready
  const list = indexes => indexes.map(index => byIndex.get(index)).filter(one => !one.cached).slice(0, 12)
  const described = one => html`<li>${one.text} <span class="count">${owner(one)} \u00b7 until ${seconds(one.end)}</span></li>`
  return html`<div class="detail">
    <p><code>${step.text}</code></p>
    <p>Ran ${seconds(step.end - step.start)}, from ${seconds(step.start)} to ${seconds(step.end)}${step.size ? `; transferred ${bytes(step.size)}` : ''}.
      ${step.last ? ` Its last input was complete at ${seconds(step.ready)}${waited > 0.05 ? `, so it waited ${seconds(waited)} more` : ''}.` : ''}</p>
    ${step.targets.length > 1
      ? html`<${Names} model=${model} names=${step.targets} summary=${`in ${counted(step.targets.length, 'target')}`} />`
      : step.targets.map(name => html`<p>Target <${TargetLink} name=${name} known=${model.byName.has(name)} /></p>`)}
    ${list(step.inputs).length > 0 && html`<h3>Waited for</h3><ul>${list(step.inputs).map(described)}</ul>`}
    ${list(step.dependents).length > 0 && html`<h3>Waited for this step</h3><ul>${list(step.dependents).map(described)}</ul>`}
  </div>`
}
