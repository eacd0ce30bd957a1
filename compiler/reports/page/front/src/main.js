// The page: its frame, its navigation, and the filter that all views share.
import { render } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'

import { addressOf, useAddress } from './address.js'
import { colourings } from './colour.js'
import { Compare } from './compare.js'
import { select } from './filter.js'
import { Grid } from './grid.js'
import { html } from './html.js'
import { Layers } from './layers.js'
import { loadModel } from './model.js'
import { Releases } from './releases.js'
import { Target } from './target.js'
import { counted } from './text.js'
import { Timeline } from './timeline.js'

const WAIT = 120 // milliseconds after a key before the filter takes effect

/** The views: a title for the navigation, whether the filter applies, and whether there is data. */
const VIEWS = {
  grid: { title: 'Targets', filtered: true, View: Grid },
  layers: { title: 'Layers', filtered: true, View: Layers },
  timeline: { title: 'Timeline', filtered: true, View: Timeline, needs: 'build' },
  releases: { title: 'Releases', filtered: true, View: Releases, needs: 'releases' },
  compare: { title: 'Compare', View: Compare },
}

function App({ model }) {
  const [{ view, names, options }, change] = useAddress()
  const colours = useMemo(() => colourings(model), [model])
  const { targets, errors } = useMemo(() => select(model, options.filter ?? ''), [model, options.filter])
  const heading = useRef()
  const isFirst = useRef(true)
  const known = view === 'target' ? { title: names[0], View: Target } : VIEWS[view]
  const title = known && (!known.needs || model[known.needs]) ? known.title : 'Not on this page'
  useEffect(() => {
    document.title = `${title} \u00b7 ${model.source}`
    if (!isFirst.current) {
      heading.current?.focus()
      scrollTo(0, 0)
    }
    isFirst.current = false
  }, [view, names.join('/')])
  return html`
    <a class="skip" href="#main" onClick=${event => { event.preventDefault(); heading.current?.focus() }}>Skip to content</a>
    <header class="top"><div class="inner">
      <p class="brand"><strong>${model.source}</strong> <span>${counted(model.targets.length, 'target')}${model.filters.length > 0 && html` of <code>${model.filters.join(' ')}</code>`}</span></p>
      <nav aria-label="Views"><ul>${Object.entries(VIEWS).filter(([, one]) => !one.needs || model[one.needs]).map(([name, one]) => html`<li>
        <a href=${addressOf(name, [], { filter: options.filter })} aria-current=${name === view || (name === 'grid' && view === 'target') ? 'page' : undefined}>${one.title}</a></li>`)}</ul></nav>
    </div></header>
    <main id="main">
      <h1 tabindex="-1" ref=${heading}>${title}</h1>
      ${known?.filtered && html`<${Filter} ...${{ text: options.filter ?? '', errors, change, found: targets.length, all: model.targets.length }} />`}
      ${title === 'Not on this page'
        ? html`<p class="empty">This page has no such view. <a href=${addressOf('grid')}>Show all targets</a></p>`
        : html`<${known.View} key=${`${view}/${names.join('/')}`} ...${{ model, targets, options, change, colours, names, name: names[0] }} />`}
    </main>
    <footer><p>Made by compile-matrix. This page makes no connections.</p></footer>
  `
}

function Filter({ text, errors, change, found, all }) {
  const [typed, setTyped] = useState(text)
  const timer = useRef()
  useEffect(() => setTyped(text), [text])
  const update = value => {
    setTyped(value)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => change({ filter: value.trim() }), WAIT)
  }
  return html`<form class="filter" role="search" onSubmit=${event => { event.preventDefault(); change({ filter: typed.trim() }) }}>
    <label for="filter">Filter</label>
    <input id="filter" type="search" value=${typed} onInput=${event => update(event.currentTarget.value)} autocomplete="off" spellcheck=${false}
      placeholder="python>=3.11 gpu=true image=server" aria-describedby="found" aria-invalid=${errors.length > 0} />
    <p id="found" role="status" class=${errors.length ? 'error' : ''}>${errors.length ? errors.join('; ') : found === all ? `all ${counted(all, 'target')}` : `${found.toLocaleString('en')} of ${counted(all, 'target')}`}</p>
  </form>`
}

const model = loadModel(JSON.parse(document.getElementById('data').textContent))
const page = document.getElementById('page')
page.replaceChildren()
render(html`<${App} model=${model} />`, page)
performance.mark('interactive')
