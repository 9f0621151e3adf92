/* handles.i: opaque handles as classes: each is freed by its destructor, without the GIL. A call
 * that takes a handle empties its object, which every later call refuses. */

%{
static int evtwin_py_handle(PyObject *object, void **out, swig_type_info *type, const char *name) {
    const int result = SWIG_ConvertPtr(object, out, type, 0);
    if (!SWIG_IsOK(result)) {
        PyErr_Format(PyExc_TypeError, "expected a %s, not %R", name, (PyObject *)Py_TYPE(object));
        return -1;
    }
    if (*out == NULL && object != Py_None) {
        PyErr_Format(PyExc_ValueError, "the %s was given away", name);
        return -1;
    }
    return 0;
}
%}

%define %evtwin_handle(NAME)
%nodefaultctor evtwin_##NAME;
%ignore evtwin_##NAME##_free; /* a second time with the object */
struct evtwin_##NAME {};
%extend evtwin_##NAME {
    ~evtwin_##NAME() {
        Py_BEGIN_ALLOW_THREADS
        evtwin_##NAME##_free($self);
        Py_END_ALLOW_THREADS
    }
}
%typemap(in) evtwin_##NAME *, const evtwin_##NAME * {
    if (evtwin_py_handle($input, (void **)&$1, $descriptor(evtwin_##NAME *), #NAME) != 0) SWIG_fail;
}
%typemap(in, numinputs=0) evtwin_##NAME **out (evtwin_##NAME *made = NULL) { $1 = &made; }
%typemap(argout) evtwin_##NAME **out {
    $result = evtwin_py_append($result, made$argnum
        ? SWIG_NewPointerObj(made$argnum, $descriptor(evtwin_##NAME *), SWIG_POINTER_OWN)
        : (Py_IncRef(Py_None), Py_None));
}
%apply evtwin_##NAME **out { evtwin_##NAME **rows_out, evtwin_##NAME **current_out }
%enddef

/* argument number I of FUNCTION is taken: its object lets go of it when the call succeeds */
%{
static int evtwin_py_owns(PyObject *object) {
    SwigPyObject *self = SWIG_Python_GetSwigThis(object);
    if (self == NULL || self->ptr == NULL || self->own) {
        return 1; /* or nothing that could be given away: the call says so */
    }
    PyErr_SetString(PyExc_ValueError, "a borrowed object cannot be given away");
    return 0;
}
static void evtwin_py_give(PyObject *object) {
    SwigPyObject *self = SWIG_Python_GetSwigThis(object);
    if (self != NULL) {
        self->own = 0;
        self->ptr = NULL;
    }
}
%}
%define %evtwin_takes(FUNCTION, I)
%exception FUNCTION {
    if (!evtwin_py_owns(swig_obj[I])) SWIG_fail;
    $action
    if (result >= 0) evtwin_py_give(swig_obj[I]);
}
%enddef
%evtwin_takes(evtwin_pump_take_source, 1)
%evtwin_takes(evtwin_pump_take_sink, 1)
%evtwin_takes(evtwin_pump_take_predictor, 1)
%evtwin_takes(evtwin_pump_swap_predictor, 1)
%evtwin_takes(evtwin_pump_take_dead_letters, 1)
%evtwin_takes(evtwin_pump_take_spool, 1)
%evtwin_takes(evtwin_source_from_sim, 0)
%evtwin_takes(evtwin_source_screened, 0)

%evtwin_handle(table)
%evtwin_handle(csv)
%evtwin_handle(thresholds)
%evtwin_handle(cell)
%evtwin_handle(sim)
%evtwin_handle(features)
%evtwin_handle(audit)
%evtwin_handle(peers)
%evtwin_handle(trainer)
%evtwin_handle(model)
%evtwin_handle(predictor)
%evtwin_handle(session)
%evtwin_handle(store)
%evtwin_handle(source)
%evtwin_handle(sink)
%evtwin_handle(pump)
%evtwin_handle(spool)
%evtwin_handle(screen)
%evtwin_handle(metrics)
%evtwin_handle(server)
%evtwin_handle(alerts)
%evtwin_handle(tracker)
%evtwin_handle(run)
%evtwin_handle(follower)

%newobject evtwin_table_share;

/* what a new handle borrows lives as long as its object */
%define %evtwin_keeps(FUNCTION, WHAT)
%pythonappend FUNCTION %{
    if val is not None:
        val._keep = WHAT
%}
%enddef
%evtwin_keeps(evtwin_predictor_features, predictor)
%evtwin_keeps(evtwin_trainer_features, trainer)
%evtwin_keeps(evtwin_session_create, predictor)
%evtwin_keeps(evtwin_source_screened, (source, screen))
%evtwin_keeps(evtwin_source_from_sim, sim)
%evtwin_keeps(evtwin_pump_session, pump)
%evtwin_keeps(evtwin_server_start, options)
%evtwin_keeps(evtwin_tracker_open, options)
%evtwin_keeps(evtwin_run_start, tracker)
%evtwin_keeps(evtwin_run_resume, tracker)
%evtwin_keeps(evtwin_follower_open, (tracker, options))

/* a pump keeps what it took, and what that borrows */
%define %evtwin_pump_keeps(FUNCTION, WHAT)
%pythonappend FUNCTION %{
    pump.__dict__.setdefault("_taken", []).append(getattr(WHAT, "_keep", None))
%}
%enddef
%evtwin_pump_keeps(evtwin_pump_take_source, source)
%evtwin_pump_keeps(evtwin_pump_take_sink, sink)
%pythonappend evtwin_session_swap %{
    session._keep = predictor
%}
