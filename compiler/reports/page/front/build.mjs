// Build the page: one script with its libraries, one style, and the licences of the libraries.
//
// The script begins with the digest of what it was built from, so that a test without Node.js can
// tell whether it is up to date.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { build } from 'esbuild'

process.chdir(import.meta.dirname)
const names = readdirSync('src').sort()
const sources = ['build.mjs', 'package-lock.json', ...names.map(name => `src/${name}`)]
const digest = createHash('sha256')
for (const path of sources) digest.update(`${path}\0`).update(readFileSync(path)).update('\0')

const result = await build({
  entryPoints: { page: 'src/main.js', style: 'src/page.css' },
  bundle: true,
  charset: 'utf8',
  format: 'iife',
  legalComments: 'none',
  metafile: true,
  minify: true,
  outdir: 'built',
  target: ['chrome109', 'firefox115', 'safari16'],
  write: false,
})
const texts = Object.fromEntries(result.outputFiles.map(file => [file.path.split('/').pop(), file.text]))
for (const [name, text] of Object.entries(texts)) {
  if (/<\/(script|style)|<!--|\]\]>/i.test(text)) throw new Error(`${name} could end its HTML element`)
}

const packages = new Set(
  Object.keys(result.metafile.inputs)
    .map(path => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1])
    .filter(Boolean),
)
const licences = [...packages].sort().map(name => {
  const { version, license } = JSON.parse(readFileSync(`node_modules/${name}/package.json`))
  const file = readdirSync(`node_modules/${name}`).find(entry => /^licen[cs]e/i.test(entry))
  const text = file ? readFileSync(`node_modules/${name}/${file}`, 'utf8').trim() : `Licence: ${license}`
  return `${name} ${version} (${license})\n\n${text}\n`
})
const listed = [...packages].sort().map(name => `${name} ${JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version}`)

const header = `/* Sources: sha256:${digest.digest('hex')}\n   Libraries: ${listed.join(', ')} */\n`
writeFileSync('built/page.js', header + texts['page.js'])
writeFileSync('built/page.css', texts['style.css'])
writeFileSync('built/LICENSES.txt', licences.join(`\n${'-'.repeat(80)}\n\n`))
