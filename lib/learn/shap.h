/* SPDX-License-Identifier: MIT */
/* learn/shap.h: limits of the exact Shapley values of a forest. */
#ifndef EVTWIN_LEARN_SHAP_H
#define EVTWIN_LEARN_SHAP_H

enum {
    EVTWIN__SHAP_MAX_DEPTH = 250, /* of a tree: the walk recurses */
    EVTWIN__SHAP_MAX_PLAYERS = 64 /* features on one path: what the largest rule integrates */
};

#endif
