// Small parts that several views use.
import { useRef, useState } from 'preact/hooks'

import { addressOf, readAddress } from './address.js'
import { html } from './html.js'

/** A button that copies a text, and says so. */
export function Copy({ text, label = 'Copy' }) {
  const [state, setState] = useState('')
  const timer = useRef()
  const copy = async () => {
    const copied = await copyText(text)
    setState(copied ? 'Copied' : 'Copying failed')
    clearTimeout(timer.current)
    timer.current = setTimeout(() => setState(''), 2000)
  }
  return html`<button type="button" class="copy" onClick=${copy}>
    <span aria-hidden="true">${state || 'Copy'}</span>
    <span class="hidden">${label}</span>
    <span class="hidden" role="status">${state}</span>
  </button>`
}

/** Copy a text; browsers that forbid the clipboard on local files still copy a selection. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    document.body.append(area)
    area.select()
    const copied = document.execCommand('copy')
    area.remove()
    return copied
  }
}

/** A command or a tag that can be copied. */
export function Copyable({ text, label, children }) {
  return html`<div class="copyable">
    <code tabindex="0">${text}</code>${children}<${Copy} text=${text} label=${label} />
  </div>`
}

/** The address of a view, with the filter that is in effect now. */
export function linkTo(view, names = [], options = {}) {
  const { filter } = readAddress().options
  return addressOf(view, names, { filter, ...options })
}

export function TargetLink({ name, known = true }) {
  return known ? html`<a href=${linkTo('target', [name])}>${name}</a>` : html`<span>${name}</span>`
}

/** Names behind a count. */
export function Names({ names, summary, model }) {
  return html`<details class="names">
    <summary>${summary}</summary>
    <ul>${names.map(name => html`<li><${TargetLink} name=${name} known=${model.byName.has(name)} /></li>`)}</ul>
  </details>`
}

/** A figure with its meaning. */
export function Figure({ value, label }) {
  return html`<div class="figure"><dt>${label}</dt><dd>${value}</dd></div>`
}
