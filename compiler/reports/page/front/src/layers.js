// The steps of all targets as a tree, where axes start to matter, and advice.
import { useMemo } from 'preact/hooks'
import { code } from './dockerfile.js'
import { html } from './html.js'
import { Figure, TargetLink } from './parts.js'
import { counted, oneLine, seconds } from './text.js'

const OPEN = 3 // levels of the tree that are open at first

export function Layers({ model, targets }) {
  const { layers } = model
  const tree = useMemo(() => selected(model, targets), [model, targets])
  const all = targets.reduce((sum, target) => sum + target.steps.length, 0)
  const saved = all - tree.distinct
  const isPart = targets.length < model.targets.length
  return html`
    <dl class="figures">
      <${Figure} value=${tree.distinct.toLocaleString('en')} label="distinct steps" />
      <${Figure} value=${all.toLocaleString('en')} label="without sharing" />
      <${Figure} value=${all ? `${Math.round((100 * saved) / all)} %` : '0 %'} label="shared" />
      <${Figure} value=${layers.platform} label="platform" />
    </dl>
    ${layers.advice.length > 0 && html`<section class="note" aria-labelledby="advice"><h2 id="advice">How to share more</h2>${isPart && html`<p class="hint">Of all targets:</p>`}
      <ul>${layers.advice.map(([message, place]) => html`<li><code>${place}</code> ${message}</li>`)}</ul></section>`}
    ${layers.starts.length > 0 && html`<section aria-labelledby="starts"><h2 id="starts">Where axes start to matter</h2>${isPart && html`<p class="hint">Of all targets:</p>`}
      <table class="rows"><thead><tr><th scope="col">Axis</th><th scope="col">Shared before</th><th scope="col">First step that depends on it</th></tr></thead>
      <tbody>${layers.starts.map(([axis, shared, step]) => html`<tr><th scope="row">${axis}</th>
        <td>${step ? counted(shared, 'step') : 'all steps'}</td><td><code>${step ? oneLine(step) : 'none'}</code></td></tr>`)}</tbody></table></section>`}
    <section aria-labelledby="tree"><h2 id="tree">Tree of steps</h2>
      <p class="hint">Branches with the same instructions are one branch. The number of distinct steps is next to each step; * means also in other branches.</p>
      <div class="tree"><${Branch} model=${model} branch=${tree.branch} depth=${0} /></div>
    </section>
  `
}

/** The tree of some targets, and the number of its distinct steps. */
function selected(model, targets) {
  const names = new Set(targets.map(target => target.name))
  const used = new Set(targets.flatMap(target => target.steps.map(([step]) => step)))
  const cut = ({ label, steps, branches, last }) => {
    const below = branches.map(cut).filter(branch => branch.targets > 0)
    const ends = last.filter(name => names.has(name))
    const targets = below.reduce((sum, branch) => sum + branch.targets, ends.length)
    return { label, targets, branches: below, last: ends, steps: steps.map(([text, numbers, elsewhere]) => {
      const own = numbers.filter(number => used.has(number))
      const times = own.map(number => model.steps[number][1]).filter(time => time !== null)
      return { text, distinct: own.length, elsewhere, time: times.length > 0 ? times.reduce((sum, time) => sum + time) : null }
    }) }
  }
  return { branch: cut(model.layers.tree), distinct: used.size }
}

function Branch({ model, branch, depth }) {
  const content = html`
    ${branch.steps.length > 0 && html`<ol class="steps">${branch.steps.map(({ text, distinct, elsewhere, time }) => html`<li>
      <code>${code(oneLine(text))}</code>
      <span class="count">${[distinct > 1 || elsewhere ? `\u00d7 ${distinct.toLocaleString('en')}${elsewhere ? ' *' : ''}` : '', time === null ? '' : seconds(time)].filter(Boolean).join(' \u00b7 ')}</span></li>`)}</ol>`}
    ${branch.branches.map(below => html`<${Branch} model=${model} branch=${below} depth=${depth + 1} />`)}
    ${branch.last.length > 0 && html`<p class="ends">${branch.last.map(name => html`<${TargetLink} name=${name} known=${model.byName.has(name)} /> `)}</p>`}
  `
  if (depth === 0) return content
  return html`<details class="branch" open=${depth <= OPEN}>
    <summary>${branch.label || 'other targets'} <span class="count">${counted(branch.targets, 'target')}</span></summary>
    ${content}
  </details>`
}
