# shellcheck shell=dash
# Stand-in for libubox's jshn.sh: builds JSON text as it goes; reads one level of strings.
json_init() { JSON='{' JSON_FIRST=1 JSON_CLOSE=''; }
json_key() {
	[ "$JSON_FIRST" = 1 ] || JSON="$JSON,"
	JSON_FIRST=0
	case "$JSON_CLOSE" in
		']'*) ;;
		*) JSON="$JSON\"$1\":" ;;
	esac
}
json_add_string() {
	json_key "$1"
	JSON="$JSON\"$(printf '%s' "$2" | sed 's/\\/\\\\/g; s/"/\\"/g')\""
}
json_add_int() { json_key "$1"; JSON="$JSON$2"; }
json_add_boolean() { json_key "$1"; if [ "$2" = 1 ]; then JSON="${JSON}true"; else JSON="${JSON}false"; fi; }
json_add_object() { json_key "$1"; JSON="$JSON{"; JSON_CLOSE="}$JSON_CLOSE" JSON_FIRST=1; }
json_add_array() { json_key "$1"; JSON="$JSON["; JSON_CLOSE="]$JSON_CLOSE" JSON_FIRST=1; }
json_close() { JSON="$JSON$1"; JSON_CLOSE="${JSON_CLOSE#?}" JSON_FIRST=0; }
json_close_object() { json_close '}'; }
json_close_array() { json_close ']'; }
json_dump() { printf '%s}\n' "$JSON"; }
json_load() { JSON_TEXT="$1"; }
json_get_var() { eval "$1=\"\$(printf '%s' \"\$JSON_TEXT\" | sed -n 's/.*\"$2\"[ ]*:[ ]*\"\\([^\"]*\\)\".*/\\1/p')\""; }
