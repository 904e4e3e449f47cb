#!/bin/sh
# Static rules of Secure Net for firmware without nftables (iptables-legacy or iptables-nft). Run as root by the init
# script and by the firewall's include. They are inert while the ipset sets are empty; the module renews the sets'
# entries, which time out by themselves, and needs no right to change rules.
#
#   firewall-iptables.sh add | remove | check
#
# add     puts the rules in place or mends them; changes nothing of anybody else's
# remove  takes away rules and sets of ours
# check   exit 0 where all is in place, 1 and the reason where not
#
# From the environment:
#   SERVICE4, SERVICE6  service addresses (one may be empty: that family is left alone)
#   DNS_PORT, PAGE_PORT ports on them (5353, 8053); port 443 leads to the one after PAGE_PORT while the set for it
#                       has an entry: for a while after protection went off, see docs/adr/0008-passage.md
#   INTERFACES          LAN and guest devices that may reach them, e.g. "br-lan br-guest"
#   LEASE               seconds until an entry of a set times out by itself (6)
#   IPTABLES, IP6TABLES, IPSET  the programs
set -u

SERVICE4="${SERVICE4:-}"
SERVICE6="${SERVICE6:-}"
DNS_PORT="${DNS_PORT:-5353}"
PAGE_PORT="${PAGE_PORT:-8053}"
INTERFACES="${INTERFACES:-br-lan}"
LEASE="${LEASE:-6}"
IPTABLES="${IPTABLES:-iptables}"
IP6TABLES="${IP6TABLES:-ip6tables}"
IPSET="${IPSET:-ipset}"

ZONE=53
JUMPS="raw:PREROUTING:securenet_zone nat:PREROUTING:securenet_dns filter:FORWARD:securenet_bypass filter:INPUT:securenet_guard"

fail() {
	echo "firewall-iptables: $1" >&2
	exit 1
}

need() {
	command -v "$1" >/dev/null 2>&1 || fail "$1 is missing: install the package $2; the LAN is left alone"
}

# family 4|6: sets TABLES, RESTORE, ADDRESS, TO, SET, PASSAGE, FAMILY, ICMP
family() {
	if [ "$1" = 4 ]; then
		TABLES="$IPTABLES" ADDRESS="$SERVICE4" TO="$SERVICE4" SET=securenet4 PASSAGE=securenet443_4 FAMILY=inet
		ICMP=icmp-port-unreachable
	else
		TABLES="$IP6TABLES" ADDRESS="$SERVICE6" TO="[$SERVICE6]" SET=securenet6 PASSAGE=securenet443_6 FAMILY=inet6
		ICMP=icmp6-port-unreachable
	fi
	RESTORE="$(restore_of "$TABLES")"
}

# Firmware may lack the match: sets RPFILTER, empty where it does.
try_rpfilter() {
	RPFILTER=
	"$TABLES" -w -t raw -N securenet_trial 2>/dev/null || return 0
	"$TABLES" -w -t raw -A securenet_trial -m rpfilter --invert -j DROP 2>/dev/null && RPFILTER=yes
	"$TABLES" -w -t raw -F securenet_trial
	"$TABLES" -w -t raw -X securenet_trial
}

# iptables-legacy -> iptables-legacy-restore, ip6tables -> ip6tables-restore
restore_of() { echo "$1-restore"; }

# Every rule that asks the set takes a reference on it: the module counts these to notice rules that were wiped
# (REFERENCES in module/interception/iptables.ts). Only the last of them counts questions.
asks() { echo "-m set --match-set $SET src,src ! --update-counters"; }

passes() { echo "-m set --match-set $PASSAGE src,src"; }

rules() {
	echo '*raw'
	echo ':securenet_zone - [0:0]'
	# The module takes a source of ours for its self-test's. Answers to a source that routes elsewhere go astray.
	echo "-A securenet_zone ! -i lo -s $ADDRESS -j DROP"
	if [ -n "$RPFILTER" ]; then
		for proto in udp tcp; do
			echo "-A securenet_zone -p $proto --dport 53 $(asks) -m rpfilter --invert -j DROP"
		done
	fi
	for proto in udp tcp; do
		echo "-A securenet_zone -p $proto --dport 53 $(asks) -j CT --zone-orig $ZONE"
	done
	for device in $INTERFACES; do
		echo "-A securenet_zone -i $device -d $ADDRESS -p tcp --dport 80 -j CT --zone-orig $ZONE"
	done
	echo "-A securenet_zone -d $ADDRESS -p tcp --dport 443 $(passes) -j CT --zone-orig $ZONE"
	echo 'COMMIT'
	echo '*nat'
	echo ':securenet_dns - [0:0]'
	for proto in udp tcp; do
		echo "-A securenet_dns -p $proto --dport 53 $(asks) -j DNAT --to-destination $TO:$DNS_PORT"
	done
	for device in $INTERFACES; do
		echo "-A securenet_dns -i $device -d $ADDRESS -p tcp --dport 80 -j DNAT --to-destination $TO:$PAGE_PORT"
	done
	echo "-A securenet_dns -d $ADDRESS -p tcp --dport 443 $(passes) -j DNAT --to-destination $TO:$((PAGE_PORT < 65535 ? PAGE_PORT + 1 : PAGE_PORT - 1))"
	echo 'COMMIT'
	echo '*filter'
	echo ':securenet_bypass - [0:0]'
	echo "-A securenet_bypass -p tcp --dport 853 $(asks) -j REJECT --reject-with tcp-reset"
	echo "-A securenet_bypass -p udp --dport 853 $(asks) -j REJECT --reject-with $ICMP"
	echo ':securenet_guard - [0:0]'
	echo "-A securenet_guard -i lo -j RETURN"
	# Counts the questions: after routing, and not of a port that nothing is answered at.
	echo "-A securenet_guard -d $ADDRESS -p udp --dport $DNS_PORT -m multiport ! --sports 0,53 -m conntrack --ctstate DNAT -m set --match-set $SET src,src -j ACCEPT"
	for device in $INTERFACES; do
		echo "-A securenet_guard -i $device -d $ADDRESS -m conntrack --ctstate DNAT -j ACCEPT"
		echo "-A securenet_guard -i $device -d $ADDRESS -m conntrack --ctstate RELATED -j ACCEPT"
		echo "-A securenet_guard -i $device -d $ADDRESS -p tcp -j REJECT --reject-with tcp-reset"
		echo "-A securenet_guard -i $device -d $ADDRESS -j REJECT --reject-with $ICMP"
	done
	echo "-A securenet_guard -d $ADDRESS -j DROP"
	echo 'COMMIT'
}

each_jump() {
	for jump in $JUMPS; do
		table="${jump%%:*}"
		rest="${jump#*:}"
		"$1" "$table" "${rest%%:*}" "${rest#*:}" || return 1
	done
}

jumps() { "$TABLES" -w -t "$1" -C "$2" -j "$3" 2>/dev/null; }

# At the head, so that no zone's refusal comes first.
jump_in() { jumps "$@" || "$TABLES" -w -t "$1" -I "$2" 1 -j "$3"; }

jump_out() {
	while jumps "$@"; do "$TABLES" -w -t "$1" -D "$2" -j "$3" || return 1; done
	if "$TABLES" -w -t "$1" -n -L "$3" >/dev/null 2>&1; then
		"$TABLES" -w -t "$1" -F "$3" && "$TABLES" -w -t "$1" -X "$3"
	fi
}

create_set() {
	"$IPSET" create "$SET" hash:net,iface family "$FAMILY" timeout "$LEASE" counters -exist ||
		fail "$IPSET cannot make a set hash:net,iface with time-outs and counters: the kernel module ip_set_hash_netiface is missing; the LAN is left alone"
	"$IPSET" create "$PASSAGE" hash:net,iface family "$FAMILY" timeout 600 -exist ||
		fail "$IPSET cannot make the set $PASSAGE; the LAN is left alone"
}

add() {
	need "$IPSET" ipset
	for version in 4 6; do
		family $version
		[ -n "$ADDRESS" ] || continue
		need "$TABLES" iptables
		need "$RESTORE" iptables
	done
	for version in 4 6; do
		family $version
		[ -n "$ADDRESS" ] || continue
		create_set
		try_rpfilter
		if ! rules | "$RESTORE" -w --noflush || ! each_jump jump_in; then
			remove
			fail "$TABLES refused the rules; needed are the targets CT, DNAT, REJECT and the matches set, conntrack; the LAN is left alone"
		fi
	done
}

remove() {
	for version in 4 6; do
		family $version
		if command -v "$TABLES" >/dev/null 2>&1; then each_jump jump_out; fi
		if command -v "$IPSET" >/dev/null 2>&1; then "$IPSET" destroy "$SET" 2>/dev/null; "$IPSET" destroy "$PASSAGE" 2>/dev/null; fi
	done
	return 0
}

missing() { jumps "$@" || fail "table $1, chain $2: no jump to $3; run: $0 add"; }

check() {
	need "$IPSET" ipset
	for version in 4 6; do
		family $version
		[ -n "$ADDRESS" ] || continue
		need "$TABLES" iptables
		"$IPSET" -t list "$SET" >/dev/null 2>&1 || fail "set $SET is missing; run: $0 add"
		each_jump missing
		references="$("$IPSET" -t list "$SET" | sed -n 's/^References: //p')"
		[ "$references" -ge 7 ] || fail "$references of 7 rules ask set $SET; run: $0 add"
	done
}

case "${1:-}" in
	add) add ;;
	remove) remove ;;
	check) check ;;
	*) fail "usage: $0 add | remove | check" ;;
esac
