// Two targets side by side.
import { diffArrays, diffWordsWithSpace } from 'diff'
import { useMemo, useState } from 'preact/hooks'

import { addressOf } from './address.js'
import { code } from './dockerfile.js'
import { html } from './html.js'
import { dockerfile, valueText } from './model.js'
import { linkTo, TargetLink } from './parts.js'
import { originName } from './target.js'
import { counted } from './text.js'

const CONTEXT = 3
const LONGEST = 4000 // characters of two lines that are compared by words

export function Compare({ model, names, options }) {
  const [left, right] = names.map(name => model.byName.get(name))
  return html`
    <${Pickers} model=${model} names=${names} options=${options} />
    ${left && right
      ? html`<${Values} model=${model} left=${left} right=${right} />
        <section aria-labelledby="diff"><h2 id="diff">Dockerfiles</h2><${Diff} model=${model} left=${left} right=${right} /></section>`
      : html`<p class="empty">Choose two targets of this page.</p>`}
  `
}

function Pickers({ model, names, options }) {
  const [chosen, setChosen] = useState(names)
  const choose = (position, name) => {
    const next = [0, 1].map(at => (at === position ? name : (chosen[at] ?? '')))
    setChosen(next)
    if (next.every(one => model.byName.has(one))) location.hash = addressOf('compare', next, { filter: options.filter })
  }
  return html`<form class="pickers" onSubmit=${event => event.preventDefault()}>
    ${['First target', 'Second target'].map((label, position) => html`<label>${label}
      <input list="names" value=${chosen[position] ?? ''} autocomplete="off" spellcheck=${false} onChange=${event => choose(position, event.currentTarget.value)} /></label>`)}
    <datalist id="names">${model.targets.map(target => html`<option value=${target.name} />`)}</datalist>
    ${names.length === 2 && html`<a class="button" href=${linkTo('compare', [names[1], names[0]])}>Swap</a>`}
  </form>`
}

/** The rows in which two targets differ: axes, platforms, and each value with an origin. */
function differences(model, left, right) {
  const rows = model.dimensions.map(one => [one.name, valueText(one, left), valueText(one, right)])
  rows.push(['platforms', ...[left, right].map(target => target.platformNames.join(', '))])
  rows.push(['parent', ...[left, right].map(target => target.parent ?? 'none')])
  const values = [left, right].map(target => {
    const found = new Map()
    for (const number of target.origins) {
      const row = model.origins[number]
      const name = originName(row)
      if (row[2]) found.set(name, [...(found.get(name) ?? []), row[2]])
    }
    return found
  })
  for (const name of new Set(values.flatMap(found => [...found.keys()]))) {
    rows.push([name, ...values.map(found => found.get(name)?.join(', ') ?? '')])
  }
  return rows.filter(([, one, other]) => one !== other)
}

function Values({ model, left, right }) {
  const rows = useMemo(() => differences(model, left, right), [model, left, right])
  return html`<section aria-labelledby="values"><h2 id="values">Values that differ</h2>
    <div class="scroll" tabindex="0" role="group" aria-label="Values that differ"><table class="rows">
      <thead><tr><th scope="col">Name</th><th scope="col"><${TargetLink} name=${left.name} /></th><th scope="col"><${TargetLink} name=${right.name} /></th></tr></thead>
      <tbody>${rows.map(([name, one, other]) => html`<tr><th scope="row">${name}</th><td><code>${one || '(nothing)'}</code></td><td><code>${other || '(nothing)'}</code></td></tr>`)}</tbody>
    </table></div></section>`
}

/** Pairs of lines: `{left, right, equal}`, with line numbers from 1; null where one side has none. */
function pairs(left, right) {
  const rows = []
  const at = [0, 0]
  const changes = diffArrays(left, right)
  for (let index = 0; index < changes.length; index++) {
    const { added, removed, value } = changes[index]
    if (!added && !removed) {
      for (const text of value) rows.push({ equal: true, left: { number: ++at[0], text }, right: { number: ++at[1], text } })
      continue
    }
    const replaced = removed && changes[index + 1]?.added ? changes[++index].value : []
    const [old, fresh] = removed ? [value, replaced] : [[], value]
    for (let line = 0; line < Math.max(old.length, fresh.length); line++) {
      rows.push({
        left: line < old.length ? { number: ++at[0], text: old[line] } : null,
        right: line < fresh.length ? { number: ++at[1], text: fresh[line] } : null,
      })
    }
  }
  return rows
}

function Diff({ model, left, right }) {
  const [isWhole, setWhole] = useState(false)
  const rows = useMemo(() => pairs(dockerfile(model, left), dockerfile(model, right)), [model, left, right])
  const changed = rows.filter(row => !row.equal).length
  const near = rows.map((_, at) => isWhole || rows.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(row => !row.equal))
  const shown = []
  rows.forEach((row, at) => {
    if (near[at]) shown.push(html`<${Line} ...${row} headers=${[left.header, right.header]} />`)
    else if (at === 0 || near[at - 1]) {
      const end = near.indexOf(true, at)
      shown.push(html`<tr class="gap"><td colspan="4">${counted((end < 0 ? rows.length : end) - at, 'equal line')}</td></tr>`)
    }
  })
  return html`<p class="hint">${changed ? `${counted(changed, 'line')} differ${changed === 1 ? 's' : ''}` : 'The Dockerfiles are equal'}
      ${changed > 0 && html` <button type="button" onClick=${() => setWhole(!isWhole)}>${isWhole ? 'Show only differences' : 'Show all lines'}</button>`}</p>
    <div class="scroll" tabindex="0" role="group" aria-label="Differences of the Dockerfiles"><table class="code diff">
      <colgroup><col class="number" /><col /><col class="number" /><col /></colgroup>
      <thead><tr><th scope="col" colspan="2">${left.dockerfile}</th><th scope="col" colspan="2">${right.dockerfile}</th></tr></thead>
      <tbody>${shown}</tbody></table></div>`
}

function Line({ equal, left, right, headers }) {
  const side = (part, other, element, header) => {
    if (!part) return html`<td class="number"></td><td class="text missing"></td>`
    if (equal) return html`<td class="number">${part.number + header}</td><td class="text">${code(part.text)}</td>`
    return html`<td class="number ${element}">${part.number + header}</td><td class="text ${element}">${marked(part.text, other?.text, element)}</td>`
  }
  return html`<tr>${side(left, right, 'del', headers[0])}${side(right, left, 'ins', headers[1])}</tr>`
}

/** A changed line; only its own words are marked if it has a counterpart. */
function marked(text, other, element) {
  if (other === undefined || text.length + other.length > LONGEST) return html`<${element}>${text}</${element}>`
  const words = element === 'del' ? diffWordsWithSpace(text, other) : diffWordsWithSpace(other, text)
  return words
    .filter(word => !(element === 'del' ? word.added : word.removed))
    .map(word => (word.added || word.removed ? html`<${element}>${word.value}</${element}>` : word.value))
}
