// The commands that build a selection of targets.
import { shellWord, splitWords } from './filter.js'
import { valueText } from './model.js'

const PLAIN = /^[^,\s]+$/

/** The shortest `docker buildx bake` that builds exactly these targets. */
export function bakeCommand(model, targets) {
  if (!targets.length) return ''
  if (targets.length === 1) return bake([targets[0].name])
  if (targets.length === model.targets.length && !model.filters.length) return bake([])
  const members = targets.map(target => target.index)
  for (const [name, group] of model.groups) {
    if (!model.filters.length && name !== 'default' && equal(group, members)) return bake([name])
  }
  return variables(model, targets) ?? bake(targets.map(target => target.name))
}

/** The command that builds the same targets in batches, with the filters of the page. */
export function buildCommand(model, text) {
  return ['compile-matrix build', ...[...model.filters, ...splitWords(text)].map(shellWord)].join(' ')
}

function bake(names) {
  return ['docker buildx bake', ...names.map(shellWord)].join(' ')
}

function equal(one, other) {
  return one.length === other.length && one.every((value, index) => value === other[index])
}

/** `ONLY_AXIS=VALUE docker buildx bake`, if the targets are all those with some values. */
function variables(model, targets) {
  if (model.filters.length) return undefined // The page does not have all targets.
  let chosen = model.dimensions.map(dimension => ({ dimension, values: new Set(targets.map(target => valueText(dimension, target))) }))
  const count = conditions => model.targets.filter(target => conditions.every(({ dimension, values }) => values.has(valueText(dimension, target)))).length
  if (count(chosen) !== targets.length) return undefined
  for (const condition of [...chosen].reverse()) {
    const others = chosen.filter(one => one !== condition)
    if (count(others) === targets.length) chosen = others
  }
  if (chosen.some(({ values }) => ![...values].every(value => PLAIN.test(value)))) return undefined
  const words = chosen.map(({ dimension, values }) => `ONLY_${dimension.name.toUpperCase()}=${shellWord([...values].join(','))}`)
  return [...words, 'docker buildx bake'].join(' ')
}
