# Which logical interface carries the traffic. Sourced after paths.sh.
# shellcheck shell=dash

# The device of the default route with the lowest metric: a fixed and a mobile line may both have one.
default_device() {
	ip "-$1" route show default 2>/dev/null | awk '
		/^default/ && !/ (linkdown|dead)/ {
			metric = 0; device = ""
			for (i = 2; i < NF; i++) {
				if ($i == "metric") metric = $(i + 1) + 0
				if ($i == "dev") device = $(i + 1)
			}
			if (device != "" && (best == "" || metric < least)) { best = device; least = metric }
		}
		END { if (best != "") print best }'
}

# interface_of_device 4|6 DEVICE: the interface that has a default route through this device
interface_of_device() {
	# shellcheck disable=SC2034 # only whether there is a gateway is asked
	local interface device gateway
	for interface in $(ubus list 'network.interface.*' | sed 's/^network\.interface\.//'); do
		[ "$interface" = loopback ] && continue
		network_get_device device "$interface" || continue
		[ "$device" = "$2" ] || continue
		if [ "$1" = 4 ]; then
			network_get_gateway gateway "$interface" || continue
		else
			network_get_gateway6 gateway "$interface" || continue
		fi
		echo "$interface"
		return 0
	done
	return 1
}

# find_uplink: prints the interface; nothing where there is no default route. IPv4 first: a line is named after it.
find_uplink() {
	local family device uplink
	# shellcheck disable=SC1090 # OpenWrt's own
	. "$SECURENET_NETWORK_FUNCTIONS"
	network_flush_cache
	for family in 4 6; do
		device="$(default_device "$family")"
		[ -n "$device" ] && interface_of_device "$family" "$device" && return 0
	done
	# A route that netifd does not show in the main table (policy routing): its own idea of the uplink.
	network_find_wan uplink || network_find_wan6 uplink || return 0
	echo "$uplink"
}
