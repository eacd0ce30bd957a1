// Elements without a build step: html`<p class=${name}>${text}</p>`. Text is never read as HTML.
import { h } from 'preact'
import htm from 'htm'

export const html = htm.bind(h)
