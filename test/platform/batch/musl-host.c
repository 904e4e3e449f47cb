// musl-host ADDON: loads the add-on with musl's loader and calls it with no descriptor, in the place of Node.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node-api.h"

static char memory[1 << 20];
static napi_callback receive;

napi_status napi_create_function(napi_env env, const char *name, size_t length, napi_callback callback, void *data,
                                 napi_value *result) {
  (void)env, (void)length, (void)data;
  if (strcmp(name, "receive") == 0) receive = callback;
  *result = 0;
  return napi_ok;
}
napi_status napi_create_int32(napi_env env, int32_t value, napi_value *result) {
  (void)env;
  *result = (napi_value)(intptr_t)value;
  return napi_ok;
}
napi_status napi_create_object(napi_env env, napi_value *result) {
  (void)env;
  *result = 0;
  return napi_ok;
}
napi_status napi_get_arraybuffer_info(napi_env env, napi_value buffer, void **start, size_t *octets) {
  (void)env, (void)buffer;
  *start = memory;
  *octets = sizeof memory;
  return napi_ok;
}
napi_status napi_get_cb_info(napi_env env, napi_callback_info info, size_t *count, napi_value *values, napi_value *self,
                             void **data) {
  (void)env, (void)info, (void)self, (void)data;
  memset(values, 0, *count * sizeof *values);
  return napi_ok;
}
napi_status napi_get_value_int32(napi_env env, napi_value value, int32_t *result) {
  (void)env, (void)value;
  *result = -1;
  return napi_ok;
}
napi_status napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value) {
  (void)env, (void)object, (void)name, (void)value;
  return napi_ok;
}

int main(int count, char **values) {
  void *addon = count > 1 ? dlopen(values[1], RTLD_NOW) : 0;
  if (addon == 0) {
    puts(dlerror());
    return 1;
  }
  napi_value (*init)(napi_env, napi_value) = (napi_value(*)(napi_env, napi_value))dlsym(addon, "napi_register_module_v1");
  init(0, 0);
  printf("%ld\n", (long)(intptr_t)receive(0, 0));
  return 0;
}
