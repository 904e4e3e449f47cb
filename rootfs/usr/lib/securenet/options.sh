# UCI options -> the module's JSON configuration (module/config/schema.json). Sourced by the init script.
# shellcheck shell=dash

# section option kind place; a place of `-` is used by the init script alone. Ranges are the schema's business.
options_table() {
	cat <<-'TABLE'
		main enabled flag -
		main node text -
		main nice integer -
		main config_version number -
		main modem_id text modemId
		main data_dir text dataDir
		main log_level text logLevel
		main telemetry_seconds number telemetrySeconds
		dns service_ipv4 text -
		dns service_ipv6 text -
		dns port number -
		dns block_ttl number dns.blockTtl
		dns threads number dns.threads
		dns cache_bytes number dns.cacheBytes
		dns rebind_protection flag dns.rebindProtection
		dns rebind_exempt texts dns.rebindExempt
		dns local_zones texts dns.localZones
		dns structured_errors flag dns.structuredErrors
		dns resolver_bypass flag dns.resolverBypass
		dns test_zone text dns.testZone
		dns never_block texts dns.neverBlock
		limits queries_per_second number dns.limits.queriesPerSecond
		limits burst number dns.limits.burst
		limits tcp_connections number dns.limits.tcpConnections
		limits tcp_connections_per_client number dns.limits.tcpConnectionsPerClient
		limits tcp_idle_seconds number dns.limits.tcpIdleSeconds
		upstream mode text upstream.mode
		upstream server endpoints upstream.servers
		upstream timeout_ms number upstream.timeoutMs
		upstream in_flight number upstream.inFlight
		upstream warning_page pages upstream.warningPages
		view network text -
		view device text -
		view server endpoints upstream.byInterface.servers
		page port number -
		branding service text page.branding.service
		branding operator text page.branding.operator
		branding colour text page.branding.colour
		branding logo text page.branding.logo
		branding help_url text page.branding.helpUrl
		branding report_url text page.branding.reportUrl
		branding phone text page.branding.phone
		interception backend text interception.backend
		interception network texts -
		interception device texts -
		interception lease_ms number interception.leaseMs
		interception renew_ms number interception.renewMs
		mqtt url text mqtt.url
		mqtt ca_file text mqtt.caFile
		mqtt cert_file text mqtt.certFile
		mqtt key_file text mqtt.keyFile
		mqtt keepalive_seconds number mqtt.keepaliveSeconds
		blocklist name text list.name
		blocklist quota_bytes number list.quotaBytes
		blocklist probation_seconds number list.probationSeconds
		blocklist chunk_timeout_ms number list.chunkTimeoutMs
		trust roots_file text trust.rootsFile
		line id text lines.id
		line access text lines.access
		line interface text lines.interface
	TABLE
}

WRONG=0

# wrong OPTION REASON
wrong() {
	WRONG=$((WRONG + 1))
	complain "wrong option $1: $2"
}

# A misspelt option would be left out in silence. config_load calls these for every section and option.
# shellcheck disable=SC2317
known_options() {
	KNOWN="$(options_table | while read -r section option _; do printf '%s.%s ' "$section" "$option"; done)"
	config_cb() {
		SECTION_TYPE="${1:-}" SECTION_NAME="${2:-}"
		[ -n "$SECTION_TYPE" ] || return 0
		local of="$SECTION_NAME"
		[ "$SECTION_TYPE" = securenet ] && [ "$of" = main ] && return 0
		case "$SECTION_TYPE" in line | view) return 0 ;; esac
		case " $KNOWN" in
			*" $SECTION_TYPE."*) [ "$of" = "$SECTION_TYPE" ] && return 0 ;;
		esac
		wrong "securenet.$of" "there is no section '$of' of type '$SECTION_TYPE'"
	}
	option_cb() {
		local section="$SECTION_TYPE"
		[ "$section" = securenet ] && section=main
		case " $KNOWN" in
			*" $section.$1 "*) ;;
			*) wrong "securenet.$SECTION_NAME.$1" 'there is no such option' ;;
		esac
	}
	list_cb() { option_cb "$@"; }
}

# option_values SECTION OPTION FUNCTION [ARGUMENT...]: each value, whether it was written as `list` or as `option`
option_values() {
	local section="$1" option="$2" function="$3" length values value
	shift 3
	config_get length "$section" "${option}_LENGTH"
	if [ -n "$length" ]; then
		config_list_foreach "$section" "$option" "$function" "$@"
		return
	fi
	config_get values "$section" "$option"
	for value in $values; do "$function" "$value" "$@"; done
}

# number_of VALUE OPTION [sign]: sets NUMBER, or says what is wrong. jshn would turn anything into a number.
number_of() {
	local digits="$1"
	[ "${3:-}" = sign ] && digits="${digits#-}"
	NUMBER="$1"
	case "$digits" in
		'' | *[!0-9]*) wrong "$2" "'$1' is not a whole number" ;;
		??????????*) wrong "$2" "$1 is more than 999999999" ;;
		*) return 0 ;;
	esac
	return 1
}

# flag_of VALUE OPTION: sets FLAG to 0 or 1, or says what is wrong
flag_of() {
	case "$1" in
		1 | on | true | yes | enabled) FLAG=1 ;;
		0 | off | false | no | disabled) FLAG=0 ;;
		*)
			wrong "$2" "'$1' is neither 0 nor 1"
			return 1
			;;
	esac
}

add_value() { json_add_string '' "$1"; }

# An address, or as dnsmasq writes it ADDRESS#PORT.
add_endpoint() {
	local port=53
	case "$1" in
		*'#'*) port="${1##*#}" ;;
	esac
	number_of "$port" "$2" || return 0
	json_add_object ''
	json_add_string address "${1%%#*}"
	json_add_int port "$NUMBER"
	json_close_object
}

# ADDRESS or ADDRESS#CATEGORY; the module knows which categories there are.
add_warning_page() {
	json_add_object ''
	json_add_string address "${1%%#*}"
	case "$1" in *'#'*) json_add_string category "${1##*#}" ;; esac
	json_close_object
}

# add_option SECTION OPTION KIND NAME: one option that is set; what is left out has the schema's default
add_option() {
	local value place="securenet.$1.$2"
	config_get value "$1" "$2"
	[ -n "$value" ] || return 0
	case "$3" in
		text) json_add_string "$4" "$value" ;;
		number) number_of "$value" "$place" && json_add_int "$4" "$NUMBER" ;;
		flag) flag_of "$value" "$place" && json_add_boolean "$4" "$FLAG" ;;
		texts)
			json_add_array "$4"
			option_values "$1" "$2" add_value
			json_close_array
			;;
		endpoints)
			json_add_array "$4"
			option_values "$1" "$2" add_endpoint "$place"
			json_close_array
			;;
		pages)
			json_add_array "$4"
			option_values "$1" "$2" add_warning_page
			json_close_array
			;;
	esac
}

# add_options PARENT [SECTION]: every option whose place is directly in PARENT
add_options() {
	local section option kind place parent
	while read -r section option kind place; do
		parent=''
		case "$place" in
			-) continue ;;
			*.*) parent="${place%.*}" ;;
		esac
		[ "$parent" = "$1" ] && add_option "${2:-$section}" "$option" "$kind" "${place##*.}"
	done <<-TABLE
		$(options_table)
	TABLE
}

# add_object NAME PLACE
add_object() {
	json_add_object "$1"
	add_options "$2"
	json_close_object
}

# uci_names TEXT: the module's complaint names places of its own configuration; here the UCI option of the same place
uci_names() {
	local section option kind place
	case "$1" in
		*' dns.listen.'[0-9]*'.port'*) echo securenet.dns.port && return ;;
		*' page.listen.'[0-9]*'.port'*) echo securenet.page.port && return ;;
		*' page.ipv6: '* | *' dns.listen.1.'* | *' page.listen.1.'*) echo securenet.dns.service_ipv6 && return ;;
		*' page.ipv4: '* | *' dns.listen.'* | *' page.listen.'*) echo securenet.dns.service_ipv4 && return ;;
		*' interception.interfaces'*) echo securenet.interception.device && return ;;
		*' lines: '*) echo securenet.@line && return ;;
		*' upstream.byInterface.'[0-9]*)
			option=network
			case "$1" in *' upstream.byInterface.'[0-9]*'.servers'*) option=server ;; esac
			echo "securenet.@view[$(expr "$1" : '.* upstream\.byInterface\.\([0-9]*\)')].$option"
			return
			;;
		*' upstream.byInterface: '*) echo securenet.@view && return ;;
	esac
	while read -r section option kind place; do
		[ "$place" = - ] && continue
		case "$1" in
			*" $place: "* | *" $place."*)
				echo "securenet.$section.$option"
				return
				;;
			*" lines."[0-9]*".${place#lines.}: "*)
				[ "$section" = line ] || continue
				echo "securenet.@line[$(expr "$1" : '.* lines\.\([0-9]*\)\.')].$option"
				return
				;;
		esac
	done <<-TABLE
		$(options_table)
	TABLE
}
