#!/bin/sh
# What installing and removing needs besides OpenWrt's default_postinst and default_prerm.
#
#   package.sh installed   others take notice of our files
#   package.sh removing    stops the module and takes away data, addresses, rules, user and firewall include
#   package.sh removed     others forget our files
# shellcheck source=rootfs/usr/lib/securenet/paths.sh
. "${SECURENET_LIB:-${SECURENET_ROOT:-}/usr/lib/securenet}/paths.sh"

# ubusd reads the ACL at SIGHUP, rpcd finds plug-ins at a reload (sessions stay), fw4 includes our file at a reload.
tell_others() {
	local pid service
	for pid in $(pidof ubusd); do kill -HUP "$pid"; done
	for service in rpcd firewall; do
		[ -x "$SECURENET_ROOT/etc/init.d/$service" ] || continue
		"$SECURENET_ROOT/etc/init.d/$service" running >/dev/null 2>&1 &&
			"$SECURENET_ROOT/etc/init.d/$service" reload >/dev/null 2>&1
	done
	return 0
}

remove_user() {
	local file
	for file in passwd shadow group; do
		file="$SECURENET_ROOT/etc/$file"
		[ ! -f "$file" ] || sed -i "/^$SECURENET_USER:/d" "$file"
	done
}

# A folder that somebody has named for the data is emptied of ours, and goes only if nothing else is in it.
remove_data() {
	local folder
	folder="$(uci -q get securenet.main.data_dir)"
	folder="${folder:-$SECURENET_ROOT/srv/securenet}"
	rm -rf "$folder/list" "$folder"/*.state "$folder"/*.state.bak "$folder"/*.state.tmp
	rmdir "$folder" 2>/dev/null
	rm -rf "$SECURENET_RUN_DIR"
	rm -f "$SECURENET_PIDFILE" "$SECURENET_CONFIG" "$SECURENET_CONFIG.new" "$SECURENET_TOLD"
}

removing() {
	"$SECURENET_INIT" stop
	remove_data
	uci -q delete firewall.securenet && uci commit firewall
	remove_user
	return 0
}

case "${1:-}" in
	installed | removed) tell_others ;;
	removing) removing ;;
	*)
		echo "usage: $0 installed | removing | removed" >&2
		exit 1
		;;
esac
