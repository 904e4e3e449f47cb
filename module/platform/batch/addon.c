// `receive` and `send` for JavaScript. No state, no allocation: each call names its memory, so that any thread may call.
#include "batch.h"
#include "node-api.h"

#define EXPORTED __attribute__((visibility("default")))

enum { EINVAL_NUMBER = 22, VALUES_MOST = 4, NODE_API_VERSION = 8, ALIGNMENT = sizeof(int32_t) };

// Reads an ArrayBuffer of a batch's size and `count - 1` integers; returns 0 where anything else was given.
static struct batch *read_values(napi_env env, napi_callback_info info, size_t count, int32_t *numbers) {
  napi_value values[VALUES_MOST];
  size_t given = VALUES_MOST;
  void *start = 0;
  size_t octets = 0;
  if (napi_get_cb_info(env, info, &given, values, 0, 0) != napi_ok || given < count) return 0;
  if (napi_get_arraybuffer_info(env, values[0], &start, &octets) != napi_ok) return 0;
  if (octets < sizeof(struct batch) || (uintptr_t)start % ALIGNMENT != 0) return 0;
  for (size_t i = 1; i < count; i++)
    if (napi_get_value_int32(env, values[i], &numbers[i - 1]) != napi_ok) return 0;
  return start;
}

static napi_value number(napi_env env, int32_t value) {
  napi_value result = 0;
  return napi_create_int32(env, value, &result) == napi_ok ? result : 0;
}

static napi_value receive(napi_env env, napi_callback_info info) {
  int32_t fd = -1;
  struct batch *batch = read_values(env, info, 2, &fd);
  return number(env, batch == 0 ? -EINVAL_NUMBER : batch_receive(batch, fd));
}

static napi_value send(napi_env env, napi_callback_info info) {
  int32_t numbers[3] = {-1, 0, 0};
  struct batch *batch = read_values(env, info, 4, numbers);
  return number(env, batch == 0 ? -EINVAL_NUMBER : batch_send(batch, numbers[0], numbers[1], numbers[2]));
}

static const struct {
  const char *name;
  napi_callback call;
} functions[] = {{"receive", receive}, {"send", send}};

// What the memory looks like: JavaScript reads it here instead of knowing it a second time.
static const struct {
  const char *name;
  int32_t value;
} layout[] = {
    {"bytes", sizeof(struct batch)},
    {"slots", SLOTS},
    {"receiveBytes", RECEIVE_OCTETS},
    {"sendBytes", SEND_OCTETS},
    {"addressBytes", ADDRESS_OCTETS},
    {"receivedLengthsAt", offsetof(struct batch, received_octets)},
    {"sendLengthsAt", offsetof(struct batch, send_octets)},
    {"fromAt", offsetof(struct batch, from)},
    {"toAt", offsetof(struct batch, to)},
    {"receivedAt", offsetof(struct batch, received)},
    {"sentAt", offsetof(struct batch, sent)},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

EXPORTED int32_t node_api_module_get_api_version_v1(void) { return NODE_API_VERSION; }

EXPORTED napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value value = 0;
  napi_value sizes = 0;
  for (size_t i = 0; i < COUNT(functions); i++) {
    if (napi_create_function(env, functions[i].name, (size_t)-1, functions[i].call, 0, &value) != napi_ok) return 0;
    if (napi_set_named_property(env, exports, functions[i].name, value) != napi_ok) return 0;
  }
  if (napi_create_object(env, &sizes) != napi_ok) return 0;
  for (size_t i = 0; i < COUNT(layout); i++) {
    if (napi_create_int32(env, layout[i].value, &value) != napi_ok) return 0;
    if (napi_set_named_property(env, sizes, layout[i].name, value) != napi_ok) return 0;
  }
  return napi_set_named_property(env, exports, "layout", sizes) == napi_ok ? exports : 0;
}
