// The grid of variants over chosen axes.
import { useMemo, useRef } from 'preact/hooks'

import { bakeCommand, buildCommand } from './bake_command.js'
import { html } from './html.js'
import { differing, valueText } from './model.js'
import { Copyable, linkTo } from './parts.js'
import { shellWord } from './filter.js'
import { counted } from './text.js'

const MOST_COLUMNS = 16
const SHAPE = 2.5 // rows for each column, of the layout that is chosen unless the user chooses one
const MOST_IN_CELL = 12
const MOST_SPLIT = 7 // dimensions of which all splits are tried
const EMPTINESS = 4 // what empty cells cost, next to a bad shape

export function Grid({ model, targets, options, change, colours }) {
  const dimensions = useMemo(() => differing(model.dimensions, targets), [model, targets])
  const layout = useMemo(() => chooseLayout(dimensions, targets, options), [dimensions, targets, options.rows, options.columns])
  const colouring = colours[options.colour] ?? colours.image
  return html`
    <${Commands} model=${model} targets=${targets} filter=${options.filter ?? ''} />
    <${Controls} ...${{ dimensions, layout, change, colours, colour: options.colour ?? 'image' }} />
    <${Legend} colouring=${colouring} targets=${targets} />
    ${targets.length > 0 && html`<${Table} ...${{ model, targets, layout, colouring, filter: options.filter ?? '' }} />`}
  `
}

function Commands({ model, targets, filter }) {
  if (!targets.length) return html`<p class="empty">No target matches all of these filters.</p>`
  return html`<section class="commands" aria-label="Commands that build this selection">
    <${Copyable} text=${bakeCommand(model, targets)} label="Copy the docker buildx bake command" />
    <${Copyable} text=${buildCommand(model, filter)} label="Copy the compile-matrix build command" />
  </section>`
}

function Controls({ dimensions, layout, change, colours, colour }) {
  const place = dimension => (layout.rows.includes(dimension) ? 'rows' : layout.columns.includes(dimension) ? 'columns' : 'cells')
  const move = (dimension, to) => {
    const places = new Map(dimensions.map(one => [one, one === dimension ? to : place(one)]))
    const named = where => dimensions.filter(one => places.get(one) === where).map(one => one.name).join(',')
    change({ rows: named('rows') || '-', columns: named('columns') || '-' })
  }
  return html`<div class="controls">
    ${dimensions.map(
      dimension => html`<span class="control"><label for=${`axis-${dimension.name}`}>${dimension.name}</label>
        <select id=${`axis-${dimension.name}`} value=${place(dimension)} onChange=${event => move(dimension, event.currentTarget.value)}>
          <option value="rows">in rows</option>
          <option value="columns">in columns</option>
          <option value="cells">within cells</option>
        </select></span>`,
    )}
    <span class="control colour"><label for="colour">Colour</label>
      <select id="colour" value=${colour} onChange=${event => change({ colour: event.currentTarget.value })}>
        ${Object.entries(colours).map(([name, one]) => html`<option value=${name}>${one.title}</option>`)}
      </select></span>
  </div>`
}

function Legend({ colouring, targets }) {
  const counts = new Map()
  for (const target of targets) {
    const { className } = colouring.of(target)
    counts.set(className, (counts.get(className) ?? 0) + 1)
  }
  return html`<ul class="legend" aria-label=${`Colours: ${colouring.title}`}>
    ${colouring.legend
      .filter(one => counts.has(one.className))
      .map(one => html`<li><span class="swatch ${one.className}" aria-hidden="true"></span>${one.text}
        <span class="count">${counts.get(one.className).toLocaleString('en')}</span></li>`)}
  </ul>`
}

/** The dimensions in rows and columns: those of the address, or the split with the best cost. */
function chooseLayout(dimensions, targets, { rows, columns }) {
  if (rows || columns) {
    const named = text => (text ?? '').split(',').map(name => dimensions.find(one => one.name === name)).filter(Boolean)
    return { rows: named(rows), columns: named(columns).filter(one => !named(rows).includes(one)) }
  }
  let best = { cost: Infinity }
  for (const columns of splits(dimensions)) {
    const split = { rows: dimensions.filter(one => !columns.includes(one)), columns }
    const cost = costOf(targets, split)
    if (cost < best.cost) best = { ...split, cost }
  }
  return best
}

/** The sets of dimensions that can be columns: all, or only the last ones if there are too many. */
function splits(dimensions) {
  if (dimensions.length > MOST_SPLIT) return [0, ...dimensions.keys()].map(at => dimensions.slice(at + 1))
  return [...Array(2 ** dimensions.length).keys()].map(set => dimensions.filter((_, at) => set & (2 ** at)))
}

/** How far a table is from a good shape, and how many of its cells are empty. */
function costOf(targets, { rows, columns }) {
  const [height, width] = [rows, columns].map(chosen => combinations(targets, chosen))
  if (width > MOST_COLUMNS) return width * 1000
  const used = combinations(targets, [...rows, ...columns])
  return Math.abs(Math.log(height / width / SHAPE)) + EMPTINESS * (1 - used / (height * width))
}

/** How many combinations of values of some dimensions the targets have. */
function combinations(targets, dimensions) {
  const keys = targets.map(target => dimensions.reduce((key, one) => key * (one.values.length + 1) + one.of(target) + 1, 0))
  return new Set(keys).size
}

/** Targets by their values of some dimensions, in the order of the values. */
function groupBy(targets, dimensions) {
  const groups = new Map()
  for (const target of targets) {
    const indexes = dimensions.map(one => one.of(target))
    const key = indexes.join()
    if (!groups.has(key)) groups.set(key, { key, indexes, targets: [] })
    groups.get(key).targets.push(target)
  }
  const order = (one, other) => {
    const at = one.indexes.findIndex((index, position) => index !== other.indexes[position])
    return at < 0 ? 0 : one.indexes[at] - other.indexes[at]
  }
  return new Map([...groups.values()].sort(order).map(group => [group.key, group]))
}

function Table({ model, targets, layout, colouring, filter }) {
  const body = useRef()
  const { rows, columns } = layout
  const columnGroups = [...groupBy(targets, columns).values()]
  const rowGroups = [...groupBy(targets, rows).values()]
  const label = (dimension, group) => valueText(dimension, group.targets[0])
  const heads = columns.map((dimension, depth) => spans(columnGroups, depth).map(({ group, size }) => html`
    <th scope=${depth === columns.length - 1 ? 'col' : 'colgroup'} colspan=${size}>${
      dimension.of(group.targets[0]) < 0 ? html`<span class="axis">no ${dimension.name}</span>` : html`<span class="axis">${dimension.name}</span> ${label(dimension, group)}`}</th>`))
  const starts = rows.map((_, depth) => new Map(spans(rowGroups, depth).map(({ group, size }) => [group, size])))
  let first = true
  return html`<div class="scroll" tabindex="-1">
    <table class="grid" role="grid" ref=${body} onKeyDown=${moveFocus} onFocusIn=${keepFocus}
      aria-label=${`${counted(targets.length, 'target')}; the arrow keys move between them`}>
      <thead>
        ${heads.map((cells, depth) => html`<tr>
          ${depth === 0 && rows.map(one => html`<th scope="col" rowspan=${heads.length}>${one.name}</th>`)}${cells}</tr>`)}
        ${heads.length === 0 && html`<tr>${rows.map(one => html`<th scope="col">${one.name}</th>`)}<th scope="col">targets</th></tr>`}
      </thead>
      <tbody>
        ${rowGroups.map(row => {
          const cells = groupBy(row.targets, columns)
          return html`<tr key=${row.key}>
            ${rows.map((dimension, depth) => starts[depth].has(row) && html`
              <th scope=${depth === rows.length - 1 ? 'row' : 'rowgroup'} rowspan=${starts[depth].get(row)}>${label(dimension, row)}</th>`)}
            ${columnGroups.map(column => {
              const found = cells.get(column.key)?.targets ?? []
              const isFirst = first && found.length > 0
              if (isFirst) first = false
              return html`<${Cell} ...${{ model, found, colouring, filter, isFirst, chosen: [...rows, ...columns] }} />`
            })}
          </tr>`
        })}
      </tbody>
    </table>
  </div>`
}

/** The first group of each run of equal values up to a depth, and the length of the run. */
function spans(groups, depth) {
  const found = []
  for (const group of groups) {
    const same = found.at(-1)?.group.indexes.slice(0, depth + 1).join() === group.indexes.slice(0, depth + 1).join()
    if (same) found.at(-1).size++
    else found.push({ group, size: 1 })
  }
  return found
}

function Cell({ found, colouring, filter, isFirst, chosen }) {
  const tabindex = isFirst ? 0 : -1
  if (!found.length) return html`<td class="none" aria-label="no target"></td>`
  if (found.length === 1) {
    const [target] = found
    const { text, className } = colouring.of(target)
    return html`<td><a class="cell ${className}" tabindex=${tabindex} href=${linkTo('target', [target.name])}
      title=${target.name} aria-label=${`${target.name}: ${text}`}>${text}</a></td>`
  }
  if (found.length > MOST_IN_CELL) {
    const words = chosen.map(one => shellWord(`${one.name}=${valueText(one, found[0])}`))
    const link = linkTo('grid', [], { filter: [filter, ...words].filter(Boolean).join(' ') })
    return html`<td><a class="cell many" tabindex=${tabindex} href=${link}>${counted(found.length, 'target')}</a></td>`
  }
  return html`<td class="several">${found.map((target, number) => {
    const { text, className } = colouring.of(target)
    return html`<a class="chip ${className}" tabindex=${number ? -1 : tabindex} href=${linkTo('target', [target.name])}
      title=${`${target.name}: ${text}`} aria-label=${`${target.name}: ${text}`}></a>`
  })}</td>`
}

/** Move the focus with the arrow keys, Home and End: the grid is one stop of the Tab key. */
function moveFocus(event) {
  const link = event.target.closest('a')
  if (!link || event.ctrlKey || event.metaKey || event.altKey) return
  const links = [...event.currentTarget.querySelectorAll('tbody a')]
  const at = links.indexOf(link)
  const row = link.closest('tr')
  const next = {
    ArrowRight: () => links[at + 1],
    ArrowLeft: () => links[at - 1],
    ArrowDown: () => nearest(links.filter(one => follows(row, one)), link, 1),
    ArrowUp: () => nearest(links.filter(one => follows(one.closest('tr'), row)), link, -1),
    Home: () => row.querySelector('a'),
    End: () => [...row.querySelectorAll('a')].at(-1),
  }[event.key]?.()
  if (!next) return
  event.preventDefault()
  next.focus()
}

function follows(row, other) {
  const place = row.compareDocumentPosition(other)
  return Boolean(place & Node.DOCUMENT_POSITION_FOLLOWING) && !row.contains(other)
}

/** The link in the next row that is in the same column, as far as the eye can tell. */
function nearest(links, link, direction) {
  const ordered = direction > 0 ? links : links.reverse()
  const row = ordered[0]?.closest('tr')
  const x = link.getBoundingClientRect().x
  const distance = one => Math.abs(one.getBoundingClientRect().x - x)
  return ordered.filter(one => one.closest('tr') === row).sort((one, other) => distance(one) - distance(other))[0]
}

function keepFocus(event) {
  const link = event.target.closest('tbody a')
  if (!link) return
  for (const other of event.currentTarget.querySelectorAll('tbody a[tabindex="0"]')) other.tabIndex = -1
  link.tabIndex = 0
}
