// A Dockerfile with its steps, and the targets that share them.
import { html } from './html.js'
import { dockerfile } from './model.js'
import { Names } from './parts.js'
import { counted } from './text.js'

const KEYWORD = /^(\s*)(ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)\b/i

/** A line with its keyword or comment marked. */
export function code(line) {
  if (/^\s*#/.test(line)) return html`<span class="comment">${line}</span>`
  const keyword = line.match(KEYWORD)
  return keyword ? html`<span class="keyword">${keyword[0]}</span>${line.slice(keyword[0].length)}` : line
}

export function Dockerfile({ model, target }) {
  const steps = new Map(target.steps.filter(([, line]) => line > 0).map(([step, line]) => [line, step]))
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${target.dockerfile}>
    <table class="code">
      <thead class="hidden"><tr><th scope="col">Line</th><th scope="col">Text</th><th scope="col">Shared with</th></tr></thead>
      <tbody>${dockerfile(model, target).map((line, index) => {
        const number = index + 1 + target.header
        return html`<tr><td class="number">${number}</td><td class="text">${code(line)}</td>
          <td class="shared">${steps.has(number) && html`<${Sharing} ...${{ model, target, step: steps.get(number) }} />`}</td></tr>`
      })}</tbody>
    </table>
  </div>`
}

function Sharing({ model, target, step }) {
  const others = model.users.get(step).filter(one => one !== target)
  const times = model.steps[step][1]
  const time = times === null ? '' : ` \u00b7 ${times.toFixed(1)} s`
  if (!others.length) return html`<span class="own">only this target${time}</span>`
  return html`<${Names} model=${model} names=${others.map(one => one.name)} summary=${`shared with ${counted(others.length, 'target')}${time}`} />`
}
