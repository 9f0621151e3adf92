/* SPDX-License-Identifier: MIT */
/* learn/forest_kind.c: what is given for a model and is none: what people keep beside models, or
 * instead of them. */

#include "learn/forest_tree.h"

#include "core/file_kind.h"
#include "core/status.h"

static const char save_model[] =
    "XGBoost's save_model(\"x.json\") or save_model(\"x.ubj\") writes the model that is read";
static const char convert[] = "load it with the XGBoost (1.7 to 3.0) that reads it, then "
                              "save_model(\"x.json\") writes the model that is read";
static const char train_xgboost[] =
    "only XGBoost models are read; train one on the same table (evtwin-train, or Python's xgboost "
    "and save_model(\"x.json\"))";
static const char original[] = "only XGBoost models are read; take the model that it was converted "
                               "from, and XGBoost's save_model(\"x.json\")";

/* Where a text stands near the start of a file, and what the file then is. A key has its colon: the
 * name of a feature may be the same. */
static const struct {
    const char *text;
    size_t size;
    size_t within; /* bytes from the start; 0: it begins with the text */
    const char *kind, *advice;
} others[] = {
#define TEXT(text) text, sizeof text - 1
    /* of XGBoost; the binary format has its parameters first, then the booster's name */
    {TEXT("binf"), 0, "a binary model of XGBoost, a format that ended with 3.0", convert},
    {TEXT("bs64"), 0, "a binary model of XGBoost, a format that ended with 3.0", convert},
    {TEXT("\6\0\0\0\0\0\0\0gbtree"), 256, "a binary model of XGBoost, a format that ended with 3.0",
     convert},
    {TEXT("\4\0\0\0\0\0\0\0dart"), 256, "a binary model of XGBoost, a format that ended with 3.0",
     convert},
    {TEXT("\x8\0\0\0\0\0\0\0gblinear"), 256,
     "a binary model of XGBoost, a format that ended with 3.0", convert},
    {TEXT("booster["), 0, "a text dump of the trees (dump_model)", save_model},
    {TEXT("\"nodeid\":"), 64, "a JSON dump of the trees (dump_model)", save_model},
    {TEXT("\"generic_param\":"), 64, "the configuration (save_config), without the trees",
     save_model},
    {TEXT("{L\0\0\0\0\0\0\0\6Config{"), 0, "a memory snapshot of XGBoost, as in its pickles",
     save_model},

    /* of others */
    {TEXT("tree\nversion="), 0, "a LightGBM model", train_xgboost},
    {TEXT("tree\r\nversion="), 0, "a LightGBM model", train_xgboost},
    {TEXT("\"label_index\":"), 256, "a JSON dump of LightGBM", train_xgboost},
    {TEXT("CBM1"), 0, "a CatBoost model", train_xgboost},
#undef TEXT
};

/* A message of protocol buffers: the version of ONNX (1 to 127), then the name of what wrote it
 * (field 2), its version, domain or the graph (fields 3, 4 and 7), each behind its length. */
static int is_onnx(const char *data, size_t size) {
    return size >= 4 && data[0] == '\x08' && data[1] > 0 && data[2] != '\0' &&
           strchr("\x12\x1a\x22\x3a", data[2]) != NULL;
}

evtwin_status evtwin__forest_check_kind(const char *name, const char *data, size_t size) {
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const size_t within = others[i].within > 0 ? others[i].within : others[i].size;
        EVTWIN_FAIL_IF(
            memmem(data, size < within ? size : within, others[i].text, others[i].size) != NULL,
            EVTWIN_E_UNSUPPORTED, "%s is %s: %s", name, others[i].kind, others[i].advice);
    }
    EVTWIN_FAIL_IF(is_onnx(data, size), EVTWIN_E_UNSUPPORTED, "%s is an ONNX model: %s", name,
                   original);
    return evtwin__file_is_ubjson(data, size) ? EVTWIN_OK
                                              : evtwin__file_kind(name, data, size, save_model);
}
