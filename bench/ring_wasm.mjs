// How long signing takes in a browser: node bench/ring_wasm.mjs [whole.wasm], with the
// module that `make VARIANT=wasm modules` leaves. The bound is what a person waits for.
import { readFileSync } from 'node:fs'

const MEMBERS = 4096
const BOUND_MS = 3000
const SIGNATURE_MAX = 1600
const module = new WebAssembly.Module(readFileSync(process.argv[2] ?? 'build/wasm/whole.wasm'))
const wasm = new WebAssembly.Instance(module, {}).exports
wasm._initialize()

// whole.wasm exports core's functions only; memory is taken from its end.
let end = wasm.memory.buffer.byteLength
wasm.memory.grow(8)
const take = len => (end += len + 15 & ~15) - (len + 15 & ~15)
const bytes = (at, len) => new Uint8Array(wasm.memory.buffer, at, len)
const words = (at, ...values) => new Uint32Array(wasm.memory.buffer, at, values.length).set(values)
// A struct span, which goes by reference in wasm32.
function span (text) {
  const at = take(8 + text.length)
  bytes(at + 8, text.length).set(new TextEncoder().encode(text))
  words(at, at + 8, text.length)
  return at
}

const keys = take(32 * MEMBERS)
const secret = take(32)
const seed = take(64)
for (let i = 0; i < MEMBERS; i++) {
  bytes(seed, 64).fill(0).set([i, i >> 8, 7])
  wasm.demur_ring_key_from_seed(secret, keys + 32 * i, seed)
}
wasm.demur_ring_sort(keys, MEMBERS)
const ring = take(256)
if (wasm.demur_ring_init(ring, keys, MEMBERS, 0) !== 0) throw new Error('no ring')

const out = take(16 + SIGNATURE_MAX)
const tag = take(32)
const [scope, message] = [span('scope'), span('message')]
let best = Infinity
for (let round = 0; round < 3; round++) {
  words(out, out + 16, 0, SIGNATURE_MAX, 0)
  const start = process.cpuUsage()
  if (wasm.demur_ring_sign(out, ring, secret, scope, message, seed) !== 0) throw new Error('not signed')
  const used = process.cpuUsage(start)
  best = Math.min(best, (used.user + used.system) / 1000)
}
const signature = span('')
words(signature, out + 16, new Uint32Array(wasm.memory.buffer, out + 4, 1)[0])
if (wasm.demur_ring_verify(signature, ring, scope, message, tag, 0) !== 0) throw new Error('does not verify')
console.log(`bench: ring_prove_${MEMBERS}_wasm ${best.toFixed(0)} ms bound ${BOUND_MS} ratio ${(best / BOUND_MS).toFixed(3)}`)
