/* left_out.i: the public symbols that Python does not reach, each with its reason. Together with what core has
 * they are lib/evtwin.map (tests/python/test_core.py). The _free of each handle is its object's destructor, the
 * _options_init of each struct its constructor. */

%ignore evtwin_set_allocator;       /* an allocator in Python would need memory to answer a request for memory */
%ignore evtwin_table_f64_edit;      /* a writable view would dangle when the table grows: fill_f64 copies */
%ignore evtwin_table_i64_edit;      /* the same: fill_i64 */
%ignore evtwin_pump_predictor;      /* dangles when the pump swaps: keep the predictor that was given */
%ignore evtwin_metrics_text_free;   /* metrics_text frees it */
%ignore evtwin_source_refuse;       /* for read of a C source: one in Python raises for its record */
%ignore evtwin_source_set_position; /* for read of a C source: one in Python returns (rows, position) */
%ignore evtwin_set_last_error;      /* for callbacks in C: those in Python raise */
