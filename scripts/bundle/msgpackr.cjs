// lmdb's codec for values that are objects generates code (`new Function`). Ours are octets (blocklist/store/lmdb-file.ts, encoding
// 'binary'), so that no encoder is ever made.
class Encoder {
  constructor() {
    throw new Error('only octets are values here')
  }
}

module.exports = { Encoder }
