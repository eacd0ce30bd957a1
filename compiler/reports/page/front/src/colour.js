// What the colours of targets mean. A colour never stands alone: each has a text, in a legend.
import { scaleQuantize } from 'd3-scale'

import { releasedSize } from './model.js'
import { bytes, seconds } from './text.js'

const HUES = 8
const LEVELS = 5
const SOON = 90

/**
 * The colourings that the page has data for, by name. Each is `{title, of, legend}`: `of` returns
 * `{key, text, className}` of a target.
 */
export function colourings(model, today = new Date()) {
  const found = { image: categories('Image', model, target => target.imageName) }
  if (model.platforms.length) {
    found.platform = categories('Platform', model, target => target.platformNames.join(', ') || 'of the builder')
  }
  if (model.changes) found.change = changes(model)
  if (model.releases) found.size = amounts('Size', model, target => releasedSize(model, target), bytes, 'not released')
  if (model.build) {
    const built = model.build.targets
    found.time = amounts('Build time', model, target => built[target.name]?.[0], seconds, 'not built')
    found.size ??= amounts('Transferred', model, target => built[target.name]?.[1], bytes, 'not built')
  }
  if (model.axes.some(axis => axis.eol)) found.eol = supportEnds(model, today)
  return found
}

/** A colouring; its legend is made when it is first needed, in the order of the targets. */
function colouring(title, model, of, sorted = legend => legend) {
  let known
  const makeLegend = () => {
    const legend = new Map()
    for (const target of model.targets) {
      const { key, text, className, label } = of(target)
      if (!legend.has(key)) legend.set(key, { text: label ?? text, className, order: key })
    }
    return sorted([...legend.values()])
  }
  return { title, of, get legend() { return (known ??= makeLegend()) } }
}

function categories(title, model, textOf) {
  const numbers = new Map()
  for (const target of model.targets) {
    const text = textOf(target)
    if (!numbers.has(text)) numbers.set(text, numbers.size)
  }
  return colouring(title, model, target => {
    const text = textOf(target)
    return { key: text, text, className: `hue-${numbers.get(text) % HUES}` }
  })
}

function changes(model) {
  return colouring(`Compared with ${model.changes.against}`, model, target => {
    const changed = Boolean(model.changes.targets[target.name])
    return { key: changed, text: changed ? 'changed' : 'unchanged', className: changed ? 'state-warn' : 'state-none' }
  })
}

/** Five classes of equal width, from the smallest amount to the largest. */
function amounts(title, model, amountOf, format, missing) {
  const known = model.targets.map(amountOf).filter(amount => amount !== undefined)
  const [least, most] = [Math.min(...known), Math.max(...known)]
  const scale = scaleQuantize([least, most], [...Array(LEVELS).keys()])
  const inOrder = legend => legend.sort((one, other) => one.order - other.order)
  return colouring(title, model, target => {
    const amount = amountOf(target)
    if (amount === undefined) return { key: LEVELS, text: missing, className: 'state-none' }
    const level = least === most ? 0 : scale(amount)
    const [from, to] = least === most ? [least, most] : scale.invertExtent(level)
    return { key: level, text: format(amount), className: `level-${level}`, label: `${format(from)} \u2013 ${format(to)}` }
  }, inOrder)
}

/** End of life, relative to the day on which the page is read: only the browser knows it. */
function supportEnds(model, today) {
  const day = date => Math.floor(Date.parse(date) / 86_400_000)
  const now = day(today.toISOString().slice(0, 10))
  return colouring('End of life', model, target => {
    const dates = model.axes.map((axis, number) => axis.eol?.[target.values[number]]).filter(Boolean).sort()
    if (!dates.length) return { key: 'none', text: 'none known', className: 'state-none' }
    const left = day(dates[0]) - now
    if (left < 0) return { key: 'past', text: dates[0], className: 'state-bad', label: 'ended' }
    if (left <= SOON) return { key: 'soon', text: dates[0], className: 'state-warn', label: `within ${SOON} days` }
    return { key: 'later', text: dates[0], className: 'state-good', label: 'later' }
  })
}
