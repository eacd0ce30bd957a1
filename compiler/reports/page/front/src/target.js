// The page of one target.
import { bakeCommand } from './bake_command.js'
import { Dockerfile } from './dockerfile.js'
import { html } from './html.js'
import { neighbours, valueText } from './model.js'
import { Copyable, linkTo, TargetLink } from './parts.js'
import { bytes, counted, oneLine, seconds } from './text.js'

export function Target({ model, name }) {
  const target = model.byName.get(name)
  if (!target) return html`<p class="empty">This page has no target named ${name}.</p>`
  const children = model.targets.filter(one => one.parent === name)
  const built = model.build?.targets[name]
  const reasons = model.changes?.targets[name]
  return html`
    ${reasons && html`<section class="note"><h2>Must be rebuilt</h2><ul>${reasons.map(one => html`<li>${one}</li>`)}</ul></section>`}
    <div class="columns">
      <section aria-labelledby="tags"><h2 id="tags">Tags</h2><${Tags} target=${target} />
        <h2>Build</h2>
        <${Copyable} text=${bakeCommand(model, [target])} label="Copy the docker buildx bake command" />
      </section>
      <section aria-labelledby="facts"><h2 id="facts">Variant</h2>
        <dl class="facts">
          ${model.dimensions.filter(one => one.of(target) >= 0).map(one => html`<dt>${one.name}</dt><dd>${valueText(one, target)}</dd>`)}
          <dt>Platforms</dt><dd>${target.platformNames.join(', ') || 'that of the builder'}</dd>
          <dt>Context</dt><dd><code>${target.context}</code></dd>
          <dt>Parent</dt><dd>${target.parent ? html`<${TargetLink} name=${target.parent} known=${model.byName.has(target.parent)} />` : 'none'}</dd>
          ${children.length > 0 && html`<dt>Children</dt><dd>${children.map(one => html`<${TargetLink} name=${one.name} /> `)}</dd>`}
          ${built && html`<dt>Last build</dt><dd>${seconds(built[0])} of steps</dd>`}
        </dl>
      </section>
    </div>
    <section aria-labelledby="dockerfile"><h2 id="dockerfile">Dockerfile</h2>
      <p class="hint"><code>${target.dockerfile}</code>${inherited(model, target)}</p>
      <${Dockerfile} model=${model} target=${target} />
    </section>
    <section aria-labelledby="compare"><h2 id="compare">Compare</h2><${Nearest} model=${model} target=${target} /></section>
    <section aria-labelledby="origins"><h2 id="origins">Where values come from</h2><${Origins} model=${model} target=${target} /></section>
    ${target.rules.length > 0 && html`<section aria-labelledby="rules"><h2 id="rules">Rules</h2><${Rules} model=${model} target=${target} /></section>`}
    ${model.releases && html`<section aria-labelledby="history"><h2 id="history">Releases</h2><${History} model=${model} name=${name} /></section>`}
  `
}

function inherited(model, target) {
  const count = target.steps.filter(([, line]) => line === 0).length
  return count > 0 && html`; ${counted(count, 'more step')} of ${target.parent ? html`<${TargetLink} name=${target.parent} known=${model.byName.has(target.parent)} />` : 'other targets'} ${count === 1 ? 'comes' : 'come'} first`
}

function Tags({ target }) {
  const tags = [
    ...target.tags.map(tag => ['version', tag]),
    ...target.floating.map(tag => ['floating', tag]),
    ...target.others.map(([kind, tag]) => [kind, tag]),
  ]
  if (!tags.length) return html`<p class="hint">none</p>`
  return html`<ul class="tags">${tags.map(([kind, tag]) => html`<li>
    <${Copyable} text=${tag} label=${`Copy ${tag}`}><span class="kind">${kind}</span></${Copyable}></li>`)}</ul>`
}

function Nearest({ model, target }) {
  const near = neighbours(model, target)
  const others = near.length ? near : model.targets.filter(one => one !== target).slice(0, 8).map(one => ({ target: one }))
  return html`<p class="hint">With targets that differ in one value:</p>
    <ul class="links">${others.map(({ target: other, dimension }) => html`<li>
      <a href=${linkTo('compare', [target.name, other.name])}>${dimension ? `${dimension.name}: ${valueText(dimension, other)}` : other.name}</a></li>`)}
    </ul>`
}

export function originName([name, key]) {
  return key ? `${name} \u00b7 ${key}` : name
}

function Origins({ model, target }) {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Where values come from"><table class="rows">
    <thead><tr><th scope="col">Name</th><th scope="col">Value</th><th scope="col">Set by</th><th scope="col">Location</th><th scope="col">Replaces</th></tr></thead>
    <tbody>${target.origins.map(number => {
      const row = model.origins[number]
      const [, , value, level, place, replaced] = row
      return html`<tr><th scope="row">${originName(row)}</th><td><code>${value ?? '(nothing)'}</code></td><td>${level}</td><td><code>${place}</code></td>
        <td>${replaced.map(other => html`<div><code>${model.origins[other][2] ?? '(nothing)'}</code> of ${model.origins[other][3]}</div>`)}</td></tr>`
    })}</tbody></table></div>`
}

function Rules({ model, target }) {
  return html`<ul>${target.rules.map(number => {
    const [effect, rule, pattern, place, note] = model.rules[number]
    return html`<li>${effect} by ${rule} <code>${oneLine(pattern)}</code>${place && html` at <code>${place}</code>`}${note && `: ${note}`}</li>`
  })}</ul>`
}

function History({ model, name }) {
  const found = model.releases.filter(one => one.images.has(name))
  if (!found.length) return html`<p class="hint">No release has this target.</p>`
  const rows = found.map(({ release, images }, at) => {
    const [digest, , size, platforms] = images.get(name)
    return { release, digest, size, platforms, state: found[at - 1]?.images.get(name)[0] === digest ? 'unchanged' : 'new' }
  })
  return html`<table class="rows"><thead><tr><th scope="col">Release</th><th scope="col">Size</th><th scope="col">Image</th><th scope="col">State</th></tr></thead>
    <tbody>${rows.reverse().map(({ release, digest, size, platforms, state }) => html`<tr><th scope="row">${release}</th>
      <td>${bytes(size)}${platforms.map(([platform, own]) => html`<div class="count">${platform} ${bytes(own)}</div>`)}</td>
      <td><code>${digest}</code></td><td>${state}</td></tr>`)}</tbody></table>`
}
