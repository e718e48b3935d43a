// node tests/wasm_purity.mjs FILE.wasm... : one case a module, that it imports nothing.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

for (const path of process.argv.slice(2)) {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(path)))
  console.log(`${imports.length ? 'FAIL' : 'ok'} ${basename(path)} imports nothing`)
  for (const { module, name } of imports) console.log(`  it imports ${module}.${name}`)
  if (imports.length) process.exitCode = 1
}
