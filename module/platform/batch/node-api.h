// The part of Node-API that the add-on calls; stable across Node's versions (Node-API version 1), so that no header of a
// certain Node is needed to build it.
#ifndef SECURENET_NODE_API_H
#define SECURENET_NODE_API_H

#include <stddef.h>
#include <stdint.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef int napi_status;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);

enum { napi_ok = 0 };

napi_status napi_create_function(napi_env env, const char *name, size_t length, napi_callback callback, void *data,
                                 napi_value *result);
napi_status napi_create_int32(napi_env env, int32_t value, napi_value *result);
napi_status napi_create_object(napi_env env, napi_value *result);
napi_status napi_get_arraybuffer_info(napi_env env, napi_value buffer, void **start, size_t *octets);
napi_status napi_get_cb_info(napi_env env, napi_callback_info info, size_t *count, napi_value *values, napi_value *self,
                             void **data);
napi_status napi_get_value_int32(napi_env env, napi_value value, int32_t *result);
napi_status napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value);

#endif
