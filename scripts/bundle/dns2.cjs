// Its UDP client and its packet alone: the servers, DoH and the rest stay out of the bundle.
exports.UDPClient = require('../../node_modules/dns2/client/udp.js')
exports.Packet = require('../../node_modules/dns2/packet.js')
