// The document of the page as objects: targets, dimensions, steps and who has them.

const NULL = 'null'

/**
 * A dimension of the matrix: `image`, or an axis.
 * @typedef {{name: string, values: string[], of: (target: object) => number}} Dimension
 * `of` returns the index of a target's value, or -1 if its image lacks the axis.
 */

export function loadModel(document_) {
  const { axes, images, lines, platforms } = document_
  const byName = new Map()
  const targets = document_.targets.map((row, index) => {
    const target = { ...row, index, imageName: images[row.image], platformNames: row.platforms.map(n => platforms[n]) }
    byName.set(row.name, target)
    return target
  })
  const image = { name: 'image', values: images, of: target => target.image }
  const dimensions = [
    image,
    ...axes.map(({ name, values }, number) => ({ name, values, of: target => target.values[number] })),
  ]
  const users = new Map()
  for (const target of targets) {
    for (const [step] of target.steps) {
      if (!users.has(step)) users.set(step, [])
      users.get(step).push(target)
    }
  }
  const releases = document_.releases && readReleases(document_.releases)
  return { ...document_, releases, targets, byName, dimensions, lines, users, groups: new Map(Object.entries(document_.groups)) }
}

/**
 * Releases, the oldest first: `{release, images}`, where images are
 * `[digest, fingerprint, bytes, [[platform, bytes]]]` by target.
 */
function readReleases({ images, list }) {
  return list.map(([release, numbers]) => {
    let known
    const read = () => new Map(numbers.map(number => [images[number][0], images[number].slice(1)]))
    return { release, get images() { return (known ??= read()) } }
  })
}

/** The spelling of a target's value, as in filters. */
export function valueText(dimension, target) {
  return dimension.values[dimension.of(target)] ?? NULL
}

/** The dimensions in which some targets differ. */
export function differing(dimensions, targets) {
  return dimensions.filter(one => targets.some(target => one.of(target) !== one.of(targets[0])))
}

/** The targets that differ from one target in exactly one dimension. */
export function neighbours(model, target) {
  const found = []
  for (const other of model.targets) {
    const others = model.dimensions.filter(one => one.of(other) !== one.of(target))
    if (others.length === 1) found.push({ target: other, dimension: others[0] })
  }
  return found
}

/** The Dockerfile of a target, as lines. */
export function dockerfile(model, target) {
  return target.lines.map(number => model.lines[number])
}

/** The image's compressed size: of the latest release that has the target; undefined if unknown. */
export function releasedSize(model, target) {
  for (let n = (model.releases?.length ?? 0) - 1; n >= 0; n--) {
    const row = model.releases[n].images.get(target.name)
    if (row) return row[2]
  }
  return undefined
}
