# Which logical interface carries the traffic. Sourced after paths.sh.
# shellcheck shell=dash

# routes_of 4|6 PATTERN: devices of the routes whose destination matches, lowest metric first: a fixed and a mobile line
# may both have a default route.
routes_of() {
	ip "-$1" route show ${3:+"$3"} 2>/dev/null | awk -v pattern="$2" '
		$1 ~ pattern && !/ (linkdown|dead)/ {
			metric = 0; device = ""
			for (i = 2; i < NF; i++) {
				if ($i == "metric") metric = $(i + 1) + 0
				if ($i == "dev") device = $(i + 1)
			}
			if (device != "") printf "%010d %04d %s\n", metric, NR, device
		}' | sort | awk '!seen[$3]++ { print $3 }'
}

default_devices() { routes_of "$1" '^default$' default; }

# To single hosts through a gateway: netifd and OpenVPN put one to the other end of a tunnel.
host_route_devices() { routes_of "$1" '^[0-9a-f]*[.:][0-9a-f.:]*$'; }

# interface_with_gateway 4|6 [DEVICE]: the first interface that has a default route, through this device, and is no tunnel
interface_with_gateway() {
	# shellcheck disable=SC2034 # only whether there is a gateway is asked
	local interface device gateway
	for interface in $(ubus list 'network.interface.*' | sed 's/^network\.interface\.//'); do
		[ "$interface" = loopback ] && continue
		network_get_device device "$interface" || continue
		[ -z "${2:-}" ] || [ "$device" = "$2" ] || continue
		if [ "$1" = 4 ]; then
			network_get_gateway gateway "$interface" || continue
		else
			network_get_gateway6 gateway "$interface" || continue
		fi
		is_tunnel "$interface" "$device" && continue
		echo "$interface"
		return 0
	done
	return 1
}

# is_line INTERFACE: one of the configured lines or a half of it, as module/platform/interface-halves.ts has it
is_line() {
	local index=0 line
	while uci -q get "securenet.@line[$index]" >/dev/null; do
		line="$(uci -q get "securenet.@line[$index].interface")"
		line="${line:-wan}"
		case "$1" in
			"$line" | "${line}6" | "${line}_"* | "${line}6_"*) return 0 ;;
		esac
		index=$((index + 1))
	done
	return 1
}

# is_tunnel INTERFACE DEVICE: a VPN client on the modem. Its traffic leaves by another interface, which may be a line.
is_tunnel() {
	local protocol='' folder="$SECURENET_NET/$2"
	is_line "$1" && return 1
	[ -e "$folder/device" ] && return 1
	network_get_protocol protocol "$1" 2>/dev/null
	case "$protocol" in
		wireguard | amneziawg | openvpn | openconnect | vpnc | l2tp | pptp | sstp) return 0 ;;
	esac
	[ -e "$folder/tun_flags" ] && return 0
	grep -qs '^DEVTYPE=wireguard$' "$folder/uevent" && return 0
	# ARPHRD_* of linux/if_arp.h: none, IPIP, IPIP over IPv6, SIT, GRE, GRE over IPv6
	case "$(cat "$folder/type" 2>/dev/null)" in
		65534 | 768 | 769 | 776 | 778 | 823) return 0 ;;
	esac
	# No hardware is behind it and the kernel says no more.
	case "$2" in
		wg[0-9]* | tun[0-9]* | tap[0-9]* | tailscale[0-9]*) return 0 ;;
	esac
	return 1
}

# peer_devices DEVICE: by which the other ends of a WireGuard tunnel are reached
peer_devices() {
	local peer
	command -v wg >/dev/null 2>&1 || return 0
	for peer in $(wg show "$1" endpoints 2>/dev/null | awk '{ sub(/:[0-9]+$/, "", $2); gsub(/[][]/, "", $2); print $2 }'); do
		ip route get "$peer" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p'
	done
}

# first_interface 4|6 DEVICE...
first_interface() {
	local family="$1" device
	shift
	for device in "$@"; do
		interface_with_gateway "$family" "$device" && return 0
	done
	return 1
}

fresh_network_state() {
	# shellcheck disable=SC1090 # OpenWrt's own
	. "$SECURENET_NETWORK_FUNCTIONS"
	network_flush_cache
}

# find_uplink: prints the interface; nothing where there is no default route. IPv4 first: a line is named after it.
find_uplink() {
	local family devices device
	fresh_network_state
	for family in 4 6; do
		devices=''
		for device in $(default_devices "$family"); do
			devices="$devices $(peer_devices "$device") $device"
		done
		# shellcheck disable=SC2086 # words
		first_interface "$family" $devices && return 0
	done
	for family in 4 6; do
		# shellcheck disable=SC2046 # words
		first_interface "$family" $(host_route_devices "$family") && return 0
	done
	# A route that netifd does not show in the main table (policy routing): its own idea of the uplink.
	interface_with_gateway 4 || interface_with_gateway 6 || return 0
}

# The resolvers of every interface, as netifd has them.
known_resolvers() {
	local interface servers
	fresh_network_state
	for interface in $(ubus list 'network.interface.*' | sed 's/^network\.interface\.//'); do
		network_get_dnsserver servers "$interface" 2>/dev/null && echo "$interface $servers"
	done
	return 0
}
