// lmdb's codec for keys of mixed types generates code on load (`new Function`). Ours are 32-bit numbers, which lmdb writes
// itself: this is what it asks for on load, and nothing that it would ever call (blocklist/store/lmdb-file.ts, keyEncoding 'uint32').
function unused() {
  throw new Error('only 32-bit numbers are keys here')
}

module.exports = {
  enableNullTermination() {},
  writeKey: unused,
  readKey: unused,
  toBufferKey: unused,
  fromBufferKey: unused,
  compareKeys: unused,
}
