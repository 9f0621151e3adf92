/* SPDX-License-Identifier: MIT */
/* learn/shap.c: exact Shapley values of a forest, path-dependent (TreeSHAP).
 *
 * One leaf is a game whose players are the features on its path. Of the players of a coalition the
 * row says whether they lead to the leaf (one = 1 or 0); of the others the training data say which
 * part of it goes that way (zero = a product of shares). Its value is the leaf's times the product
 * of these, and the Shapley value of player j
 *
 *     leaf * (one_j - zero_j) * integral over t from 0 to 1 of
 *         product over k != j of (t * one_k + (1 - t) * zero_k)
 *
 * A polynomial of degree below the number of players, so that a Gauss-Legendre rule of half as many
 * points gives it exactly. All factors are positive: nothing cancels. The products are made on the
 * way down a tree and the sums over leaves on the way up, so each node is met once: nodes x points
 * for a row, where Algorithm 2 of Lundberg et al. takes leaves x depth^2.
 *
 * Source: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9, the values and the path-dependent
 * expectation; Owen 1972, doi:10.1287/mnsc.18.5.64, the integral; Yu et al. 2022, Linear TreeSHAP,
 * arXiv:2209.08192, the sums in one walk where a feature stands on a path more than once. */

#include "evtwin/explain.h"

#include "core/status.h"
#include "learn/forest.h"
#include "learn/shap.h"

#include <assert.h>

/* Points that are walked together, as pairs t, 1 - t. */
enum { LANES = 4 };
typedef double points __attribute__((vector_size(LANES * sizeof(double))));

/* Gauss-Legendre rules on (0, 1) of 4, 8, 16 and 32 points, the lower half of each: 2^(r + 1) from
 * index 2^(r + 1) - 2 on. One of n points is exact to the degree 2 n - 1.
 * Source: Abramowitz & Stegun 1964, table 25.4, computed anew to 50 digits. */
static const struct {
    double t, weight;
} rule[] = {
    {0.069431844202973714, 0.17392742256872692},    {0.33000947820757187, 0.32607257743127305},
    {0.019855071751231884, 0.050614268145188129},   {0.10166676129318664, 0.11119051722668724},
    {0.2372337950418355, 0.15685332293894363},      {0.40828267875217511, 0.181341891689181},
    {0.0052995325041750333, 0.013576229705877048},  {0.02771248846338371, 0.031126761969323947},
    {0.067184398806084122, 0.047579255841246393},   {0.12229779582249849, 0.062314485627766938},
    {0.19106187779867811, 0.074797994408288368},    {0.27099161117138632, 0.084578259697501268},
    {0.35919822461037054, 0.091301707522461792},    {0.45249374508118129, 0.094725305227534251},
    {0.0013680690752592183, 0.0035093050047350482}, {0.0071942442273658326, 0.0081371973654528352},
    {0.017618872206246784, 0.012696032654631029},   {0.032546962031130153, 0.017136931456510716},
    {0.051839422116973941, 0.021417949011113342},   {0.075316193133715015, 0.025499029631188087},
    {0.10275810201602879, 0.029342046739267772},    {0.13390894062985517, 0.032911111388180925},
    {0.16847786653489241, 0.036172897054424252},    {0.20614212137961885, 0.039096947893535156},
    {0.24655004553388529, 0.041655962113473374},    {0.28932436193468231, 0.043826046502201906},
    {0.33406569885893617, 0.045586939347881945},    {0.38035631887393145, 0.046922199540402283},
    {0.42776401920860174, 0.04781936003963743},     {0.47584616715613082, 0.048270044257363899}};

/* A feature as a player, as the last edge of it on the path has it. */
typedef struct player {
    double one, zero; /* products over all its edges so far */
    points inverse;   /* 1 / (t * one + (1 - t) * zero) */
    points slope;     /* (one - zero) * inverse */
} player;

typedef struct walk {
    const evtwin__node *nodes;
    const float *leaf, *share;
    const int32_t *keys; /* of the row */
    double *phi;         /* (width) */
    points t, u, weight; /* u = 1 - t */
    /* by depth of the edge's end; 0 = a feature that is not on the path yet */
    player on_path[EVTWIN__SHAP_MAX_DEPTH + 1];
    uint8_t last[EVTWIN__MAX_WIDTH]; /* (width) of each feature, the deepest edge on the path */
} walk;
_Static_assert(EVTWIN__SHAP_MAX_DEPTH <= UINT8_MAX, "a depth fits in last");

/* Below it a product of shares is nothing: its inverse would leave the range of a double. */
static const double no_share = 1e-200;

static double sum_of(const points *weight, const points *value) {
    const points p = *weight * *value;
    return (p[0] + p[1]) + (p[2] + p[3]);
}

/* From node i, product being that of the players so far: *sum = the leaves below, each times the
 * product on its path; each split's gain goes to its feature. A feature that was on the path before
 * has been given too much for these leaves (before->slope * total), which is taken back. Vectors go
 * by address: in a call their convention would depend on the machine. */
static void descend(walk *w, size_t i, uint8_t depth, const points *product, points *sum) {
    const uint32_t slot = w->nodes[i].link >> EVTWIN__DISTANCE_BITS;
    const size_t left = i + (w->nodes[i].link & EVTWIN__MAX_DISTANCE);
    const size_t hot = left + (w->keys[slot] >= w->nodes[i].key);
    const uint32_t feature = slot / 2;
    const uint8_t last = w->last[feature];
    const player *before = &w->on_path[last];
    player *now = &w->on_path[depth + 1];
    const points others = *product * before->inverse;
    points total = {0}, gain = {0};
    w->last[feature] = (uint8_t)(depth + 1);
    for (size_t child = left; child <= left + 1; child++) {
        const double one = child == hot ? before->one : 0.0;
        const double zero = before->zero * (double)w->share[child];
        if (one == 0.0 && zero < no_share) {
            continue;
        }
        const points factor = w->t * one + w->u * zero;
        const points inside = others * factor;
        if (evtwin__is_leaf(&w->nodes[child])) {
            const points value = others * (double)w->leaf[child];
            total += value * factor;
            gain += value * (one - zero);
        } else {
            points below;
            now->one = one;
            now->zero = zero;
            now->inverse = 1.0 / factor;
            now->slope = now->inverse * (one - zero);
            descend(w, child, (uint8_t)(depth + 1), &inside, &below);
            total += below;
            gain += below * now->slope;
        }
    }
    w->last[feature] = last;
    gain -= before->slope * total;
    w->phi[feature] += sum_of(&w->weight, &gain);
    *sum = total;
}

/* Points 4 g to 4 g + 3 of the rule r through all trees. */
static void add_points(const evtwin_model *m, size_t r, size_t g, walk *w) {
    const points all = {1.0, 1.0, 1.0, 1.0};
    const size_t at = ((size_t)2 << r) - 2 + 2 * g;
    const double t0 = rule[at].t, t1 = rule[at + 1].t;
    const double w0 = rule[at].weight, w1 = rule[at + 1].weight;
    w->t = (points){t0, t1, 1.0 - t0, 1.0 - t1};
    w->u = (points){1.0 - t0, 1.0 - t1, t0, t1};
    w->weight = (points){w0, w1, w0, w1};
    w->on_path[0] = (player){1.0, 1.0, all, all - all};
    for (size_t tree = 0; tree < m->n_trees; tree++) {
        points sum;
        if (m->depth[tree] > 0) {
            descend(w, m->root[tree], 0, &all, &sum);
        }
    }
}

/* The smallest rule that is exact for a path of d features. */
static size_t rule_for(size_t d) {
    size_t r = 0;
    while (((size_t)8 << r) < d) {
        r++;
    }
    return r;
}

/* The most features that may stand on one path. */
static evtwin_status find_rule(const evtwin_model *m, size_t *rule_out) {
    size_t deepest = 0;
    for (size_t t = 0; t < m->n_trees; t++) {
        deepest = m->depth[t] > deepest ? m->depth[t] : deepest;
    }
    const size_t d = deepest < m->width ? deepest : m->width;
    EVTWIN_FAIL_IF(deepest > EVTWIN__SHAP_MAX_DEPTH || d > EVTWIN__SHAP_MAX_PLAYERS,
                   EVTWIN_E_UNSUPPORTED,
                   "the trees are %zu deep on %zu features: at most %d levels with at most %d "
                   "features on a path can be explained",
                   deepest, m->width, EVTWIN__SHAP_MAX_DEPTH, EVTWIN__SHAP_MAX_PLAYERS);
    *rule_out = rule_for(d);
    return EVTWIN_OK;
}

evtwin_status evtwin_model_contributions(const evtwin_model *model, const float *x, size_t rows,
                                         size_t cols, double *phi) {
    EVTWIN_FAIL_IF(model == NULL || ((x == NULL || phi == NULL) && rows > 0), EVTWIN_E_ARG,
                   "model, x or phi is NULL");
    EVTWIN_FAIL_IF(cols != model->width, EVTWIN_E_SCHEMA, "%zu columns, the model has %zu features",
                   cols, model->width);
    EVTWIN_FAIL_IF(model->share == NULL, EVTWIN_E_UNSUPPORTED,
                   "the model's file has no \"sum_hessian\": the number of training rows in each "
                   "branch is not known");
    size_t r = 0;
    EVTWIN_TRY(find_rule(model, &r));
    int32_t keys[2 * EVTWIN__MAX_WIDTH];
    walk w = {.nodes = model->nodes, .leaf = model->leaf, .share = model->share, .keys = keys};
    for (size_t row = 0; row < rows; row++) {
        w.phi = phi + row * (cols + 1);
        memset(w.phi, 0, cols * sizeof *w.phi);
        w.phi[cols] = model->mean_margin;
        evtwin__forest_keys(x + row * cols, cols, keys);
        for (size_t g = 0; g < (size_t)1 << r; g++) {
            add_points(model, r, g, &w);
        }
    }
    return EVTWIN_OK;
}
