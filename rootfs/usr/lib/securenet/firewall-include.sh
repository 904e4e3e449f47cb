#!/bin/sh
# Firewall include for firmware without nftables: fw3 (and whatever rewrites the iptables tables, such as
# tr181-firewall) runs it after its own rules. The init script leaves the file of rules only while they are wanted.
# shellcheck source=rootfs/usr/lib/securenet/paths.sh
. "${SECURENET_LIB:-${SECURENET_ROOT:-}/usr/lib/securenet}/paths.sh"

[ -f "$SECURENET_RULES" ] || exit 0
set -a
# shellcheck disable=SC1090 # written by the init script
. "$SECURENET_RULES"
set +a
exec /bin/sh "$SECURENET_LIB/firewall-iptables.sh" add
