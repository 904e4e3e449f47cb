# shellcheck shell=dash
# Stand-in for /lib/functions/procd.sh: writes down each call, one a line, fields separated by tabs.
stub_procd() {
	local line="$1" field
	shift
	for field in "$@"; do line="$line	$field"; done
	echo "$line" >>"$STUB_ROOT/procd.log"
}
for stub_call in open_service close_service open_instance close_instance set_param append_param add_jail add_jail_mount \
	add_jail_mount_rw add_reload_trigger add_reload_interface_trigger add_raw_trigger; do
	eval "procd_$stub_call() { stub_procd $stub_call \"\$@\"; }"
done
# The process of the instance takes a second to end.
procd_kill() {
	stub_procd kill "$@"
	[ -f "$STUB_ROOT/var/run/securenet.pid" ] || return 0
	(
		sleep 1
		echo 'process gone' >>"$STUB_ROOT/tools.log"
		rm -f "$STUB_ROOT/var/run/securenet.pid"
	) >/dev/null 2>&1 &
}
