// What MQTT.js asks of it, for topic aliases alone (MQTT 5 §3.3.2.3.4): a map whose keys begin with the one used last.
class LRUCache {
  #entries = new Map()

  get size() {
    return this.#entries.size
  }

  get(key) {
    const value = this.#entries.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }

  set(key, value) {
    this.#entries.delete(key)
    this.#entries.set(key, value)
  }

  clear() {
    this.#entries.clear()
  }

  keys() {
    return [...this.#entries.keys()].reverse()
  }
}

module.exports = { LRUCache }
