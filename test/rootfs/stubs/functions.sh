# shellcheck shell=dash
# Stand-in for /lib/functions.sh: UCI files as variables, callbacks for each section and option, users.
CONFIG_SECTIONS=''
CONFIG_COUNT=0

reset_cb() {
	config_cb() { :; }
	option_cb() { :; }
	list_cb() { :; }
}
reset_cb

config_set() { eval "CONFIG_${1}_${2}=\$3"; }
config_get() { eval "$1=\"\${CONFIG_${2}_${3}:-\$4}\""; }

config() {
	CONFIG_COUNT=$((CONFIG_COUNT + 1))
	CONFIG_SECTION="${2:-cfg$CONFIG_COUNT}"
	CONFIG_SECTIONS="$CONFIG_SECTIONS $CONFIG_SECTION"
	config_set "$CONFIG_SECTION" TYPE "$1"
	config_cb "$1" "$CONFIG_SECTION"
}
option() {
	config_set "$CONFIG_SECTION" "$1" "$2"
	option_cb "$1" "$2"
}
list() {
	local length
	config_get length "$CONFIG_SECTION" "${1}_LENGTH" 0
	length=$((length + 1))
	config_set "$CONFIG_SECTION" "${1}_ITEM$length" "$2"
	config_set "$CONFIG_SECTION" "${1}_LENGTH" "$length"
	eval "config_set \"\$CONFIG_SECTION\" \"\$1\" \"\${CONFIG_${CONFIG_SECTION}_$1:+\$CONFIG_${CONFIG_SECTION}_$1 }\$2\""
	list_cb "$1" "$2"
}
config_load() {
	# shellcheck disable=SC1090
	. "$STUB_ROOT/etc/config/$1"
	config_cb
}
config_foreach() {
	local section type function="$1" wanted="$2"
	shift 2
	for section in $CONFIG_SECTIONS; do
		config_get type "$section" TYPE
		[ "$type" = "$wanted" ] && "$function" "$section" "$@"
	done
}
config_list_foreach() {
	local section="$1" option="$2" function="$3" length item=1 value
	shift 3
	config_get length "$section" "${option}_LENGTH" 0
	while [ "$item" -le "$length" ]; do
		config_get value "$section" "${option}_ITEM$item"
		"$function" "$value" "$@"
		item=$((item + 1))
	done
}

user_exists() { grep -qs "^$1:" "$STUB_ROOT/etc/passwd"; }
group_add_next() {
	grep -qs "^$1:" "$STUB_ROOT/etc/group" || echo "$1:x:32768:" >>"$STUB_ROOT/etc/group"
	echo 32768
}
user_add() {
	echo "$1:x:${2:-32768}:$3:$1:/var/run/$1:/bin/false" >>"$STUB_ROOT/etc/passwd"
	echo "$1:x:0:0:99999:7:::" >>"$STUB_ROOT/etc/shadow"
}

# As OpenWrt: users of the control file, uci-defaults (deleted after success), postinst-pkg, then enable and start.
default_postinst() {
	local package list file
	package="$(basename "${1%.*}")"
	list="$STUB_ROOT/usr/lib/opkg/info/$package.list"
	if grep -q '^Require-User: securenet:securenet$' "$STUB_ROOT/usr/lib/opkg/info/$package.control"; then
		user_exists securenet || user_add securenet '' "$(group_add_next securenet)"
	fi
	for file in $(grep '^/etc/uci-defaults/' "$list"); do
		# shellcheck disable=SC1090
		(. "$STUB_ROOT$file") && rm -f "$STUB_ROOT$file"
	done
	# shellcheck disable=SC1090
	(. "$STUB_ROOT/usr/lib/opkg/info/$package.postinst-pkg")
	for file in $(grep '^/etc/init.d/' "$list"); do
		[ "$PKG_UPGRADE" = 1 ] || "$STUB_ROOT$file" enable
		"$STUB_ROOT$file" start
	done
	return 0
}
default_prerm() {
	local package file
	package="$(basename "${1%.*}")"
	# shellcheck disable=SC1090
	(. "$STUB_ROOT/usr/lib/opkg/info/$package.prerm-pkg")
	for file in $(grep '^/etc/init.d/' "$STUB_ROOT/usr/lib/opkg/info/$package.list"); do
		[ "$PKG_UPGRADE" = 1 ] || "$STUB_ROOT$file" disable
		"$STUB_ROOT$file" stop
	done
	return 0
}
