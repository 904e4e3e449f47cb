// The client alone: MQTT.js's own ways to connect (ws, socks, wx, ali) stay out; control/mqtt/transport.ts connects.
// By path, because the alias `mqtt` would catch a bare name.
exports.MqttClient = require('../../node_modules/mqtt/build/lib/client.js').default
