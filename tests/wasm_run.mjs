// Runs the core's unit tests in wasm32, and prints what tests/native_main.c
// prints natively: node tests/wasm_run.mjs unit.wasm [-t PART] [--] DATA-FOLDER...
// The module gets an empty import object: whatever core/ would need from a host
// fails here before the first test.
import { readFileSync, readdirSync, existsSync } from 'node:fs'
import { join, relative } from 'node:path'

const args = process.argv.slice(2)
const module = new WebAssembly.Module(readFileSync(args.shift()))
let only = ''
const folders = []
while (args.length) {
  const arg = args.shift()
  if (arg === '-t') only = args.shift()
  else if (arg !== '--') folders.push(arg)
}

function * files (folder, root = folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield * files(path, root)
    else if (entry.isFile()) yield { name: relative(root, path), bytes: readFileSync(path) }
  }
}
const data = folders.filter(f => existsSync(f)).flatMap(f => [...files(f)])

const encode = text => new TextEncoder().encode(text + '\0')

// A fresh instance, with the data files in its memory.
function start () {
  const wasm = new WebAssembly.Instance(module, {}).exports
  wasm._initialize()
  if (wasm.sodium_init() < 0) throw new Error('sodium_init failed')
  const memory = () => new Uint8Array(wasm.memory.buffer)
  const text = at => {
    const bytes = memory()
    return at ? new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at))) : null
  }
  for (const { name, bytes } of data) {
    const c = encode(name)
    const at = wasm.test_alloc(c.length)
    memory().set(c, at)
    const to = wasm.test_data_add(at, bytes.length)
    wasm.free(at)
    if (!to) throw new Error(`no room for ${name}`)
    memory().set(bytes, to)
  }
  return { wasm, text }
}

let { wasm, text } = start()
const words = ['ok', 'FAIL', 'skip']
const counts = [0, 0, 0]
let name
for (let i = 0; (name = text(wasm.test_name(i))) !== null; i++) {
  const file = text(wasm.test_file(i))
  if (!name.includes(only) && !file.includes(only)) continue
  let outcome, message
  try {
    outcome = wasm.test_run(i)
    message = text(wasm.test_message())
  } catch (error) { // a trap: that instance is lost, the next test gets another
    outcome = 1
    message = `  trapped: ${error.message}\n${error.stack}\n`
    ;({ wasm, text } = start())
  }
  counts[outcome]++
  process.stdout.write(`${words[outcome]} ${file} ${name}\n${message}`)
}
console.log(`${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped`)
process.exitCode = counts[1] ? 1 : 0
