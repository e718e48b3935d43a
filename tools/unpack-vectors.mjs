// Writes the age test vectors of the npm package cctv-age as files, where the
// unit tests load them: node tools/unpack-vectors.mjs FOLDER -> FOLDER/age/NAME
// A vector is a header, an empty line and an age file. Where that file is
// compressed (`compressed: zlib`), it is written out plain, without that line.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import * as vectors from 'cctv-age'

const folder = join(process.argv[2], 'age')
mkdirSync(folder, { recursive: true })
let count = 0
for (const [name, bytes] of Object.entries(vectors)) {
  const vector = Buffer.from(bytes)
  const end = vector.indexOf('\n\n') + 1
  const lines = vector.subarray(0, end).toString('latin1').split(/(?<=\n)/)
  const kept = lines.filter(line => line !== 'compressed: zlib\n')
  const rest = vector.subarray(end + 1)
  const body = kept.length < lines.length ? inflateSync(rest) : rest
  writeFileSync(join(folder, name), Buffer.concat([Buffer.from(kept.join('') + '\n', 'latin1'), body]))
  count++
}
console.log(`${count} age vectors in ${folder}`)
