// The FILTER language of the command line, evaluated on the targets of the page. Errors begin with
// the message of the command line.
import { satisfies, valid, validRange } from '@renovatebot/pep440'

const OPERATOR = /[<>]=?|[!~=]=|=/
const RANGE = /^(?:[<>]=?|[=!~]=)/
const GLOB = /[*?[]/
const QUOTED = /'([^']*)'|"([^"]*)"|[^\s'"]+/g

class FilterError extends Error {}

/** Split a text at spaces, as a shell does; quotes keep spaces. */
export function splitWords(text) {
  const words = []
  let end = -1
  for (const match of text.matchAll(QUOTED)) {
    const part = match[1] ?? match[2] ?? match[0]
    if (match.index === end) words[words.length - 1] += part
    else words.push(part)
    end = match.index + match[0].length
  }
  return words
}

/** Quote a word for a shell, if that is needed. */
export function shellWord(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`
}

/**
 * Return the targets that match every filter, and the error of each invalid filter.
 * Filters with errors select nothing.
 */
export function select(model, text) {
  const tests = []
  const errors = []
  for (const word of splitWords(text)) {
    try {
      tests.push(parse(model, word))
    } catch (error) {
      if (!(error instanceof FilterError)) throw error
      errors.push(error.message)
    }
  }
  const targets = errors.length ? [] : model.targets.filter(target => tests.every(test => test(target)))
  return { targets, errors }
}

function parse(model, word) {
  const operator = word.match(OPERATOR)
  if (!operator) return named(model, word)
  const name = word.slice(0, operator.index)
  const rest = (operator[0] === '=' ? '' : operator[0]) + word.slice(operator.index + operator[0].length)
  if (!name) throw new FilterError(`missing axis in '${word}'`)
  const words = matchers(rest)
  if (!words.length || operator[0] === rest.trim()) throw new FilterError(`missing value for '${name}'`)
  if (name === 'platform') return platform(model, words)
  const dimension = model.dimensions.find(one => one.name === name)
  if (!dimension) {
    const known = [...model.dimensions.map(one => one.name), 'platform'].join(', ')
    throw new FilterError(`no axis is named '${name}'; known axes: ${known}`)
  }
  const wanted = match(words, dimension.values, name)
  const lacking = words.includes('null')
  return target => (dimension.of(target) < 0 ? lacking : wanted.has(dimension.of(target)))
}

/** Split at commas; the bounds of one version range stay together. */
function matchers(text) {
  const words = []
  for (const item of text.split(',').map(part => part.trim())) {
    if (words.length && RANGE.test(item) && RANGE.test(words.at(-1))) words[words.length - 1] += `,${item}`
    else if (item) words.push(item)
  }
  return words
}

function match(words, known, name) {
  const sets = words.map(word => matching(word, known, name))
  if (!words.every(word => isNegation(word, known))) return new Set(sets.flatMap(set => [...set]))
  const common = [...sets[0]].filter(index => sets.every(set => set.has(index)))
  if (!common.length) throw new FilterError(`'${words.join(', ')}' matches no value of '${name}'`)
  return new Set(common)
}

function isNegation(word, known) {
  return word.startsWith('!') && !known.includes(word) && !RANGE.test(word)
}

function matching(word, known, name) {
  const indexes = [...known.keys()]
  const found = keep => {
    const set = new Set(indexes.filter(index => keep(known[index])))
    if (!set.size) throw new FilterError(`'${word}' matches no value of '${name}'`)
    return set
  }
  if (known.includes(word)) return new Set([known.indexOf(word)])
  if (word === 'null' && name !== 'image') return new Set()
  if (RANGE.test(word)) {
    if (!validRange(word)) throw new FilterError(`invalid version range '${word}' of '${name}'`)
    return found(text => valid(text) !== null && satisfies(text, word, { prereleases: true }))
  }
  if (word.startsWith('!')) {
    const inner = word.slice(1)
    if (!inner || isNegation(inner, known)) throw new FilterError(`invalid negation '${word}'; write !VALUE`)
    const excluded = matching(inner, known, name)
    return new Set(indexes.filter(index => !excluded.has(index)))
  }
  if (GLOB.test(word)) {
    const pattern = globPattern(word)
    return found(text => pattern.test(text))
  }
  const problem = name === 'image' ? `no image is named '${word}'` : `'${name}' has no value '${word}'`
  throw new FilterError(`${problem}; values are ${known.slice(0, 10).join(', ')}`)
}

/** A glob as a regular expression: `*`, `?`, `[seq]` and `[!seq]`. */
function globPattern(glob) {
  const literal = text => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
  const parts = glob.match(/\[!?[^\]][^\]]*\]|[^]/gu) ?? []
  const translated = parts.map(part => {
    if (part === '*') return '[^]*'
    if (part === '?') return '[^]'
    if (part.length === 1 || !part.startsWith('[')) return literal(part)
    const negated = part[1] === '!'
    const members = characterClass(part.slice(negated ? 2 : 1, -1), literal)
    if (!members) return negated ? '[^]' : '(?!)'
    return `[${negated ? '^' : ''}${members}]`
  })
  return new RegExp(`^${translated.join('')}$`, 'u')
}

function characterClass(text, literal) {
  const characters = [...text]
  let members = ''
  for (let at = 0; at < characters.length; at++) {
    const low = characters[at]
    let high = low
    if (characters[at + 1] === '-' && at + 2 < characters.length) {
      high = characters[at + 2]
      at += 2
    }
    if (low <= high) members += low === high ? literal(low) : `${literal(low)}-${literal(high)}`
  }
  return members
}

function platform(model, words) {
  const wanted = words.map(word => {
    if (word === 'local') throw new FilterError("the page cannot know the platform 'local'; name a platform")
    const name = canonical(word)
    const known = model.platforms.some(one => covers(name, one))
    if (!known) throw new FilterError(`no target has the platform '${word}'; known platforms: ${model.platforms.join(', ')}`)
    return name
  })
  return target => target.platformNames.some(one => wanted.some(name => covers(name, one)))
}

/** Whether a platform of a filter selects one of a target; one without an OS version selects all. */
function covers(wanted, name) {
  const own = canonical(name)
  return own === wanted || own.replace(/\(.*?\)/, '') === wanted
}

function canonical(name) {
  const [os, architecture = '', variant] = name.toLowerCase().split('/')
  const known = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64' }[architecture] ?? architecture
  const kept = known === 'arm64' && variant === 'v8' ? '' : known === 'arm' ? (variant ?? 'v7') : variant
  return [os, known, kept].filter(Boolean).join('/')
}

function named(model, name) {
  const group = model.groups.get(name)
  if (group) {
    const members = new Set(group)
    return target => members.has(target.index)
  }
  const known = model.byName.get(name)
  if (!known) throw new FilterError(`unknown target or group '${name}'`)
  return target => target === known
}
