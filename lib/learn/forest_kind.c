/* SPDX-License-Identifier: MIT */
/* learn/forest_kind.c: what is given for a model and is none: what people keep beside models, or
 * instead of them. */

#include "learn/forest_tree.h"

#include "core/file_kind.h"
#include "core/status.h"

evtwin_status evtwin__forest_check_kind(const char *name, const char *data, size_t size) {
    static const char instead[] = "XGBoost's save_model(\"x.json\") writes the model that is read";
    static const struct {
        const char *text;
        size_t within; /* bytes from the start; 0 = it begins with the text */
        const char *kind;
    } others[] = {
        {"binf", 0, "a binary model of XGBoost 1.x"},
        {"bs64", 0, "a binary model of XGBoost 1.x"},
        {"booster[", 0, "a text dump of the trees (dump_model)"},
        {"\"nodeid\"", 64, "a JSON dump of the trees (dump_model)"},
        {"\"generic_param\"", 64, "the configuration (save_config), without the trees"},
        {"tree\nversion=", 0, "a LightGBM model"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const size_t length = strlen(others[i].text);
        const size_t within = others[i].within > 0 ? others[i].within : length;
        EVTWIN_FAIL_IF(memmem(data, size < within ? size : within, others[i].text, length) != NULL,
                       EVTWIN_E_UNSUPPORTED, "%s is %s: %s", name, others[i].kind, instead);
    }
    return evtwin__file_kind(name, data, size, instead);
}
