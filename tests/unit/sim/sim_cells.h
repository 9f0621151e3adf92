/* SPDX-License-Identifier: MIT */
/* tests/unit/sim/sim_cells.h: cell sets as JSON text for the simulator's tests. */
#ifndef EVTWIN_TEST_SIM_CELLS_H
#define EVTWIN_TEST_SIM_CELLS_H

/* The half cells of the reference traces (Chen2020), as "ocv". */
#define CHEN_OCV                                                                                   \
    "\"ocv\":{\"negative\":{\"constant_V\":0.2482,\"slope_V\":0,"                                  \
    "\"exp\":[[1.9793,-39.3631,0]],\"tanh\":[[-0.0909,29.8538,0.1234],"                            \
    "[-0.04478,14.9159,0.2769],[-0.0205,30.4444,0.6103]],\"source\":\"s\"},"                       \
    "\"positive\":{\"constant_V\":4.4875,\"slope_V\":-0.809,\"tanh\":[[-0.0428,18.5138,0.5542],"   \
    "[-17.7326,15.789,0.3117],[17.5842,15.9308,0.312]],\"source\":\"s\"},"                         \
    "\"negative_empty\":{\"value\":0.026346,\"source\":\"s\"},"                                    \
    "\"negative_full\":{\"value\":0.910618,\"source\":\"s\"},"                                     \
    "\"positive_empty\":{\"value\":0.853975,\"source\":\"s\"},"                                    \
    "\"positive_full\":{\"value\":0.263845,\"source\":\"s\"}}"

/* Without limits, as the reference traces were made. */
#define WIDE_LIMITS                                                                                \
    "\"v_min_V\":{\"value\":1.5,\"source\":\"s\"},\"v_max_V\":{\"value\":5.5,\"source\":\"s\"},"

#define CELL_LIMITS                                                                                \
    "\"v_min_V\":{\"value\":2.5,\"source\":\"s\"},\"v_max_V\":{\"value\":4.2,\"source\":\"s\"},"

#define CELL_HEAD                                                                                  \
    "{\"format\":1,\"name\":\"test\",\"chemistry\":\"NMC\",\"description\":\"for tests\","         \
    "\"capacity_Ah\":{\"value\":5.1532,\"source\":\"s\"},"

/* The thermal nodes of the reference traces: a cell at a thermal boundary. */
#define BOUNDARY_THERMAL                                                                           \
    "\"thermal\":{\"capacity_J_K\":{\"value\":42.775,\"source\":\"s\"},"                           \
    "\"to_boundary_W_K\":{\"value\":0.5,\"source\":\"s\"},"                                        \
    "\"boundary_capacity_J_K\":{\"value\":50,\"source\":\"s\"},"                                   \
    "\"boundary_to_air_W_K\":{\"value\":0.06,\"source\":\"s\"}}"

/* No ageing, and every pack the nominal one. */
#define CELL_TAIL "\"ageing\":{\"law\":\"none\"},\"spread_scale\":{\"value\":0,\"source\":\"s\"}}"

#define CONST_CIRCUIT                                                                              \
    "\"circuit\":{\"r0_ohm\":{\"value\":0.0254,\"source\":\"s\"},"                                 \
    "\"r1_ohm\":{\"value\":0.0108,\"source\":\"s\"},"                                              \
    "\"r2_ohm\":{\"value\":0.0145,\"source\":\"s\"},"                                              \
    "\"tau1_s\":{\"value\":29.2,\"source\":\"s\"},"                                                \
    "\"tau2_s\":{\"value\":228,\"source\":\"s\"},"                                                 \
    "\"r0_activation_J_mol\":{\"value\":0,\"source\":\"s\"},"                                      \
    "\"rc_activation_J_mol\":{\"value\":0,\"source\":\"s\"},"                                      \
    "\"reference_degC\":{\"value\":25,\"source\":\"s\"}}"

#define NINE "\"soc\":[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9],\"values\":"

#define LGM50_CIRCUIT                                                                              \
    "\"circuit\":{\"r0_ohm\":{" NINE "[0.03149,0.02713,0.02597,0.0251,0.02539,0.02487,0.02539,"    \
    "0.02639,0.02601],\"source\":\"s\"},"                                                          \
    "\"r1_ohm\":{" NINE "[0.01287,0.0099,0.01019,0.00969,0.0108,0.01126,0.01114,0.0114,0.00934],"  \
    "\"source\":\"s\"},"                                                                           \
    "\"r2_ohm\":{" NINE "[0.01206,0.0079,0.00821,0.00921,0.01445,0.01266,0.01183,0.01516,"         \
    "0.00371],\"source\":\"s\"},"                                                                  \
    "\"tau1_s\":{" NINE "[19.84,28.53,28.64,30.18,29.23,28.46,28.94,29.19,31.51],"                 \
    "\"source\":\"s\"},"                                                                           \
    "\"tau2_s\":{" NINE "[114.2,209,204.2,227.2,227.5,221.1,220.5,226.8,235.3],"                   \
    "\"source\":\"s\"},"                                                                           \
    "\"r0_activation_J_mol\":{\"value\":12000,\"source\":\"s\"},"                                  \
    "\"rc_activation_J_mol\":{\"value\":0,\"source\":\"s\"},"                                      \
    "\"reference_degC\":{\"value\":25,\"source\":\"s\"}}"

/* The parameter sets ecm2_const and ecm2_lgm50 of the reference traces, and the latter with its
 * limits. */
#define CELL_CONST                                                                                 \
    CELL_HEAD WIDE_LIMITS CHEN_OCV "," CONST_CIRCUIT "," BOUNDARY_THERMAL "," CELL_TAIL
#define CELL_LGM50                                                                                 \
    CELL_HEAD WIDE_LIMITS CHEN_OCV "," LGM50_CIRCUIT "," BOUNDARY_THERMAL "," CELL_TAIL
#define CELL_LIMITED                                                                               \
    CELL_HEAD CELL_LIMITS CHEN_OCV "," LGM50_CIRCUIT "," BOUNDARY_THERMAL "," CELL_TAIL

#endif
