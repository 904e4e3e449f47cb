# Where things are on the modem; sourced by every script of the package. SECURENET_ROOT and each path can be set from
# outside, so that tests run the scripts as they are.
# shellcheck shell=dash disable=SC2034 # used by those that source this

: "${SECURENET_ROOT:=}"
: "${SECURENET_LIB:=$SECURENET_ROOT/usr/lib/securenet}"
: "${SECURENET_FUNCTIONS:=$SECURENET_ROOT/lib/functions.sh}"
: "${SECURENET_NETWORK_FUNCTIONS:=$SECURENET_ROOT/lib/functions/network.sh}"
: "${SECURENET_JSHN:=$SECURENET_ROOT/usr/share/libubox/jshn.sh}"
: "${SECURENET_INIT:=$SECURENET_ROOT/etc/init.d/securenet}"
: "${SECURENET_CLI:=$SECURENET_ROOT/usr/bin/securenet}"
: "${SECURENET_VAR:=$SECURENET_ROOT/var}"
: "${SECURENET_RUN_DIR:=$SECURENET_VAR/run/securenet}"
# Written by root only: nothing in the module's own folders is trusted by a script that runs as root.
: "${SECURENET_CONFIG:=$SECURENET_VAR/etc/securenet.json}"
: "${SECURENET_ADDRESSES:=$SECURENET_VAR/etc/securenet.addresses}"
: "${SECURENET_RULES:=$SECURENET_VAR/etc/securenet.rules}"
: "${SECURENET_TOLD:=$SECURENET_VAR/etc/securenet.told}"
: "${SECURENET_PIDFILE:=$SECURENET_VAR/run/securenet.pid}"
: "${SECURENET_UJAIL:=$SECURENET_ROOT/sbin/ujail}"
: "${SECURENET_CAPABILITIES:=$SECURENET_ROOT/etc/capabilities/securenet.json}"
: "${SECURENET_NET:=/sys/class/net}"
: "${SECURENET_IPV6:=/proc/sys/net/ipv6}"
: "${SECURENET_USER:=securenet}"

# find_node [configured]: prints the runtime's path; 1 where there is none
find_node() {
	if [ -n "${1:-}" ]; then
		[ -x "$1" ] && echo "$1"
	elif [ -x "$SECURENET_LIB/node" ]; then
		echo "$SECURENET_LIB/node"
	else
		command -v node
	fi
}
