# What the stock resolver's own configuration says is the household's: dns.household of the module's configuration.
# Sourced by the init script.
# shellcheck shell=dash

: "${SECURENET_DNSMASQ_FILES:=$SECURENET_ROOT/etc/dnsmasq.conf $SECURENET_ROOT/etc/dnsmasq.d $SECURENET_ROOT/tmp/dnsmasq.d $SECURENET_VAR/etc/dnsmasq.conf.*}"
: "${SECURENET_HOSTS:=$SECURENET_ROOT/etc/hosts}"

# A blocker's list is no household's configuration: what it answers needs no leave of ours.
LARGEST_FILE=65536
MOST_NAMES=512

# --- /etc/config/dhcp as lines of dnsmasq's own configuration (OpenWrt's /etc/init.d/dnsmasq)

dnsmasq_line() { echo "$2=$1"; }

dnsmasq_section() {
	local value
	for value in domain local address server cname; do option_values "$1" "$value" dnsmasq_line "$value"; done
	option_values "$1" rebind_domain dnsmasq_line rebind-domain-ok
	option_values "$1" addnhosts dnsmasq_line addn-hosts
	config_get value "$1" confdir
	[ -z "$value" ] || echo "conf-dir=$value"
	config_get value "$1" rebind_protection 1
	case "$value" in 1 | on | true | yes | enabled) echo stop-dns-rebind ;; esac
}

# named_section SECTION OPTION: a section for one name, or for several
named_section() { option_values "$1" "$2" dnsmasq_line host-record; }

uci_lines() {
	[ -f "$SECURENET_ROOT/etc/config/dhcp" ] || return 0
	config_load dhcp
	config_foreach dnsmasq_section dnsmasq
	config_foreach named_section domain name
	config_foreach named_section hostrecord name
	config_foreach named_section cname cname
	config_foreach named_section srvhost srv
	config_foreach named_section mxhost domain
}

# --- dnsmasq's files

small_file() { [ -f "$1" ] && [ -r "$1" ] && [ "$(wc -c <"$1")" -le "$LARGEST_FILE" ]; }

# print_files PATH...: the files, and those of folders, as far as they are small
print_files() {
	local path file
	for path in "$@"; do
		if [ -d "$path" ]; then
			for file in "$path"/*; do small_file "$file" && cat "$file" && echo; done
		elif small_file "$path"; then
			cat "$path" && echo
		fi
	done
	return 0
}

# values_of OPTION...: what the lines of the standard input give these options, in words
values_of() {
	sed -n "$(for option in "$@"; do printf 's/^[[:space:]]*%s[[:space:]]*=[[:space:]]*\\([^,[:space:]]*\\).*/\\1/p;' "$option"; done)"
}

# One step down is enough for what OpenWrt and Debian write.
configuration_lines() {
	local lines
	# shellcheck disable=SC2086 # words
	lines="$(uci_lines; print_files $SECURENET_DNSMASQ_FILES)"
	printf '%s\n' "$lines"
	# shellcheck disable=SC2046 # words
	print_files $(printf '%s\n' "$lines" | values_of conf-dir conf-file)
}

# --- lines -> names

# Prints `zone NAME`, `host NAME`, `asked NAME`, `rebind`, each once. A name that the module would refuse is left out.
# Behind /NAME/NAME/ nothing: dnsmasq answers itself; # or an address without a place to go: a blocker.
household_names() {
	awk '
		function say(kind, name,   labels, count_of_labels, at) {
			name = tolower(name)
			sub(/^\*?\./, "", name)
			sub(/\.$/, "", name)
			if (name !~ /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/) return
			if (length(name) > 253) return
			count_of_labels = split(name, labels, ".")
			for (at = 1; at <= count_of_labels; at++) if (length(labels[at]) > 63) return
			if (!said[kind, name]++) print kind, name
		}
		function is_address(text) { return text ~ /^[0-9.]+$/ || text ~ /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/ }
		# The target behind the last slash is left in `target`.
		function each_domain(kind, value,   parts, count, i) {
			count = split(value, parts, "/")
			target = parts[count]
			for (i = 2; i < count; i++) if (parts[i] != "") domains[++found] = parts[i]
			return found
		}
		{
			sub(/\r$/, "")
			sub(/^[[:space:]]+/, "")
			if ($0 ~ /^#/ || $0 == "") next
			key = $0
			sub(/[[:space:]]*=.*/, "", key)
			sub(/[[:space:]]+$/, "", key)
			value = $0
			if (!sub(/^[^=]*=[[:space:]]*/, "", value)) value = ""
			sub(/[[:space:]]+#.*$/, "", value)
			sub(/[[:space:]]+$/, "", value)
			found = 0
		}
		key == "stop-dns-rebind" { if (!rebind++) print "rebind"; next }
		key == "local" || key == "server" {
			each_domain(key, value)
			if (target == "#") next
			for (i = 1; i <= found; i++) say(target == "" ? "zone" : "asked", domains[i])
			next
		}
		key == "address" {
			each_domain(key, value)
			if (target == "" || target == "#" || target ~ /^0\.0\.0\.0$|^::$|^127\./) next
			for (i = 1; i <= found; i++) say("zone", domains[i])
			next
		}
		key == "rebind-domain-ok" {
			if (value ~ /^\//) { each_domain(key, value "/"); for (i = 1; i <= found; i++) say("asked", domains[i]) }
			else say("asked", value)
			next
		}
		key == "domain" { sub(/,.*/, "", value); say("asked", value); next }
		key == "auth-zone" || key == "synth-domain" { sub(/,.*/, "", value); say("zone", value); next }
		key == "host-record" || key == "cname" {
			count = split(value, parts, ",")
			# The last of a cname is where it leads (or its TTL).
			last = key == "cname" ? count - 1 : count
			for (i = 1; i <= last; i++) {
				if (i > 1 && (is_address(parts[i]) || parts[i] == "")) break
				say("host", parts[i])
			}
			next
		}
		key == "interface-name" || key == "mx-host" || key == "srv-host" || key == "txt-record" {
			sub(/,.*/, "", value)
			say("host", value)
		}
	'
}

# hosts_names: of files in the form of /etc/hosts; sinks are a blocker's
hosts_names() {
	awk '
		{ sub(/#.*/, "") }
		$1 ~ /^(0\.0\.0\.0|::1?|127\.[0-9.]*|fe00::0|ff0[0-9]::[0-9])$/ { next }
		{ for (i = 2; i <= NF; i++) if ($i ~ /\./) print "host-record=" $i }
	'
}

find_household() {
	local lines
	lines="$(configuration_lines)"
	# shellcheck disable=SC2046 # words
	{
		printf '%s\n' "$lines"
		print_files "$SECURENET_HOSTS" $(printf '%s\n' "$lines" | values_of addn-hosts hostsdir) | hosts_names
	} | household_names
}

# names_of KIND LINES
names_of() { printf '%s\n' "$2" | sed -n "s/^$1 //p" | head -n "$MOST_NAMES"; }

# add_household: the object `household`. The files are read in a subshell: config_load forgets what was loaded before.
add_household() {
	local found name kind place
	found="$(find_household)"
	json_add_object household
	for kind in zone host asked; do
		place="${kind}s"
		[ "$kind" = asked ] && place=asked
		json_add_array "$place"
		for name in $(names_of "$kind" "$found"); do add_value "$name"; done
		json_close_array
	done
	if printf '%s\n' "$found" | grep -qx rebind; then json_add_boolean rebindProtection 1; else json_add_boolean rebindProtection 0; fi
	json_close_object
}
