// What the page shows, kept in the address: `#/VIEW/NAME...?filter=...`.
import { useEffect, useState } from 'preact/hooks'

const DEFAULT = 'grid'

let known // the last address, because each link of a view asks for it

/** @returns {{view: string, names: string[], options: Object<string, string>}} */
export function readAddress() {
  if (known?.hash !== location.hash) known = { hash: location.hash, address: parse(location.hash) }
  return known.address
}

function parse(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const [view, ...names] = path.split('/').map(decode)
  return { view: view || DEFAULT, names, options: Object.fromEntries(new URLSearchParams(query)) }
}

function decode(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The address of a view; empty options are left out. */
export function addressOf(view, names = [], options = {}) {
  const chosen = Object.entries(options).filter(([, value]) => value !== undefined && value !== '')
  const query = new URLSearchParams(chosen).toString()
  return `#/${[view, ...names].map(encodeURIComponent).join('/')}${query ? `?${query}` : ''}`
}

/** The current address, and a function that changes some of its options. */
export function useAddress() {
  const [address, setAddress] = useState(readAddress)
  useEffect(() => {
    const update = () => setAddress(readAddress())
    addEventListener('hashchange', update)
    addEventListener('popstate', update)
    return () => {
      removeEventListener('hashchange', update)
      removeEventListener('popstate', update)
    }
  }, [])
  const change = options => {
    const current = readAddress()
    history.replaceState(null, '', addressOf(current.view, current.names, { ...current.options, ...options }))
    setAddress(readAddress())
  }
  return [address, change]
}
