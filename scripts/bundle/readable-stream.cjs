// Node's own streams instead of their copy for browsers.
module.exports = require('node:stream')
