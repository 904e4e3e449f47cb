// For browsers only; the session asks for native timers (`timerVariant: 'native'`).
exports.setInterval = setInterval
exports.clearInterval = clearInterval
