# SPDX-License-Identifier: MIT
# EVTWIN_EDGE: the library for small machines has the tables, the simulator, features, forests and predictors, and telemetry
# as JSON. The rest of the interface is there too (one ABI, docs/abi.md) and answers EVTWIN_E_UNSUPPORTED: its
# functions are written from the headers by EvtwinEdgeRun.cmake. Tests of the other layers link the whole, as ever.
# The linker names what a file of this list needs and the list lacks.
set(edge_files
  core/.* sim/.*
  stream/envelope stream/telemetry_json
  learn/bundle learn/bundle_memory learn/calibration learn/calibration_json learn/charge_curve learn/clean learn/derive
  learn/derive_inputs learn/drift learn/end_of_life learn/explain learn/explain_words learn/features learn/forest
  learn/forest_kind learn/forest_load learn/forest_objective learn/forest_tree learn/group learn/history learn/interval
  learn/interval_json learn/json_scan learn/manifest_fields learn/manifest_read learn/manifest_write learn/model_scan
  learn/audit_math learn/past learn/predictor learn/predictor_apply learn/predictor_rows learn/recipe learn/reference
  learn/reference_json learn/scaler learn/score learn/session learn/session_batteries learn/session_reasons
  learn/session_swap learn/session_text learn/shap learn/ubj_scan learn/watch_counts learn/watch_findings learn/watch_log)
list(JOIN edge_files "|" edge_pattern)
# files of other programs, limits of stores
set(edge_not "core/telemetry_convert|core/bdf_test|core/thresholds|core/thresholds_judge|sim/bpx|sim/bpx_cell|sim/bpx_function")
set(EVTWIN_PARTS "$<FILTER:$<TARGET_OBJECTS:evtwin_objects>,INCLUDE,/lib/(${edge_pattern})[.]c[.]o(bj)?$>")
set(EVTWIN_PARTS "$<FILTER:${EVTWIN_PARTS},EXCLUDE,/lib/(${edge_not})[.]c[.]o(bj)?$>")

target_compile_definitions(evtwin_objects PRIVATE EVTWIN_EDGE)

set(edge_stubs ${PROJECT_BINARY_DIR}/evtwin__left_out.c)
file(GLOB edge_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/evtwin/*.h)
add_custom_command(OUTPUT ${edge_stubs}
  COMMAND ${CMAKE_COMMAND} -DOUT=${edge_stubs} -DINCLUDE=${PROJECT_SOURCE_DIR}/include -DNM=${CMAKE_NM}
          "-DOBJECTS=$<JOIN:${EVTWIN_PARTS},$<SEMICOLON>>" -P ${PROJECT_SOURCE_DIR}/cmake/EvtwinEdgeRun.cmake
  DEPENDS evtwin_objects $<TARGET_OBJECTS:evtwin_objects> ${edge_headers} ${PROJECT_SOURCE_DIR}/cmake/EvtwinEdgeRun.cmake
  COMMENT "Writing what the edge build leaves out" VERBATIM)
add_library(evtwin_left_out OBJECT ${edge_stubs} lib/sim/bpx_none.c)
target_include_directories(evtwin_left_out PRIVATE include lib)
target_compile_options(evtwin_left_out PRIVATE -Wno-unused-parameter)
target_compile_definitions(evtwin_left_out PRIVATE _GNU_SOURCE)
target_link_libraries(evtwin_left_out PRIVATE evtwin_flags PkgConfig::jansson)
list(APPEND EVTWIN_PARTS $<TARGET_OBJECTS:evtwin_left_out>)
