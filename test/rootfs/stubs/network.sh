# shellcheck shell=dash disable=SC2034
# Stand-in for /lib/functions/network.sh: a network is a folder below $STUB_ROOT/netifd with
# files device, gateway4, gateway6, protocol, resolvers.
network_flush_cache() { :; }
stub_read() {
	[ -s "$STUB_ROOT/netifd/$2/$3" ] || return 1
	eval "$1=\"\$(cat \"\$STUB_ROOT/netifd/$2/$3\")\""
}
network_get_device() { stub_read "$1" "$2" device; }
network_get_gateway() { stub_read "$1" "$2" gateway4; }
network_get_gateway6() { stub_read "$1" "$2" gateway6; }
network_get_protocol() { stub_read "$1" "$2" protocol; }
network_get_dnsserver() { stub_read "$1" "$2" resolvers; }
