/* options.i: structs that the caller fills: made with their size and defaults; what they borrow lives as long
 * as they do. */

%pythoncode %{
def _set_option(options, name, value):
    """Set an option that there is, and keep what the C struct borrows of its value."""
    if name not in ("this", "thisown"):
        kind = type(options)
        if not isinstance(getattr(kind, name, None), property):
            known = ", ".join(k for k, v in vars(kind).items() if isinstance(v, property) and k != "thisown")
            raise AttributeError(f"{kind.__name__} has no '{name}'; it has {known}")
    try:
        object.__setattr__(options, name, value)
    except (TypeError, OverflowError) as error:
        needed = str(error).rpartition(" of type ")[2]
        if not needed.startswith("'"):
            raise type(error)(f"{name}: {error}") from None
        raise type(error)(f"{name} is {value!r}, not of C's type {needed}") from None
    if name != "this":
        options.__dict__.setdefault("_kept", {})[name] = value
%}

%define %evtwin_struct(NAME, INIT)
%ignore evtwin_##NAME::size;
%extend evtwin_##NAME {
    evtwin_##NAME() {
        evtwin_##NAME *made = calloc(1, sizeof *made);
        if (made != NULL) {
            made->size = sizeof *made;
            INIT;
        }
        return made;
    }
    ~evtwin_##NAME() { free($self); }
    %pythoncode %{
    def __setattr__(self, name, value):
        _set_option(self, name, value)
    %}
}
%enddef
%define %evtwin_options(NAME)
%evtwin_struct(NAME, evtwin_##NAME##_init(made, sizeof *made))
%ignore evtwin_##NAME##_init;
%enddef

/* a callable as a member: its ctx is the object, kept by _set_option */
%define %evtwin_member_callback(TYPE, NAME, TRAMPOLINE)
%typemap(in) TYPE NAME {
    if ($input != Py_None && !PyCallable_Check($input)) {
        PyErr_SetString(PyExc_TypeError, "expected a callable or None");
        SWIG_fail;
    }
    $1 = $input != Py_None ? TRAMPOLINE : NULL;
}
%typemap(memberin) TYPE NAME {
    $1 = $input;
    arg1->NAME##_ctx = $input != NULL ? (void *)swig_obj[1] : NULL;
}
%typemap(out) TYPE NAME {
    $result = $1 != NULL ? (PyObject *)arg1->NAME##_ctx : Py_None;
    Py_INCREF($result);
}
%ignore NAME##_ctx;
%enddef
%evtwin_member_callback(evtwin_progress_fn, progress, evtwin_py_on_progress)
%evtwin_member_callback(evtwin_follower_check_fn, check, evtwin_py_on_check)

/* raw bytes and their count */
%typemap(out) const char *raw { $result = PyBytes_FromStringAndSize($1 ? $1 : "", $1 ? (Py_ssize_t)arg1->raw_size : 0); }
%typemap(in) const char *raw {
    if (!PyBytes_Check($input)) { PyErr_SetString(PyExc_TypeError, "raw: expected bytes"); SWIG_fail; }
    $1 = PyBytes_AsString($input);
}
%typemap(freearg) const char *raw "";
%typemap(memberin) const char *raw {
    $1 = $input;
    arg1->raw_size = (size_t)PyBytes_Size(swig_obj[1]);
}
%ignore evtwin_letter::raw_size;
%ignore evtwin_refusal::raw_size;

%evtwin_options(csv_options)
%evtwin_options(arrow_options)
%evtwin_options(fit_options)
%evtwin_options(sim_options)
%evtwin_options(run_to_failure_options)
%evtwin_options(session_options)
%evtwin_options(train_options)
%evtwin_options(mlflow_options)
%evtwin_options(store_options)
%evtwin_options(history_options)
%evtwin_options(buckets_options)
%evtwin_options(alert_history_options)
%evtwin_options(sim_source_options)
%evtwin_options(pump_options)
%evtwin_options(screen_options)
%evtwin_options(spool_options)
%evtwin_options(server_options)
%evtwin_options(alerts_options)
%evtwin_options(tracker_options)
%evtwin_options(run_options)
%evtwin_options(tracker_version_options)
%evtwin_options(follower_options)
%evtwin_options(run_dataset)
%evtwin_struct(letter, )
%evtwin_struct(batch, )
%evtwin_struct(target, )
%evtwin_struct(threshold, )

/* what _get fills may be changed and passed back */
%define %evtwin_filled(NAME)
%typemap(in, numinputs=0) (evtwin_##NAME *out, size_t size) (evtwin_##NAME *made = NULL) {
    made = calloc(1, sizeof *made);
    if (made == NULL) { PyErr_NoMemory(); SWIG_fail; }
    $1 = made;
    $2 = sizeof *made;
}
%typemap(argout) (evtwin_##NAME *out, size_t size) {
    $result = evtwin_py_append($result, SWIG_NewPointerObj(made$argnum, $descriptor(evtwin_##NAME *), SWIG_POINTER_OWN));
    made$argnum = NULL;
}
%typemap(freearg) (evtwin_##NAME *out, size_t size) { free(made$argnum); }
%enddef
%evtwin_filled(target)
%evtwin_filled(threshold)

/* arrays of strings: set_tags(dict), set_allow_hosts(list) */
%ignore tag_keys;
%ignore tag_values;
%ignore n_tags;
%ignore allow_hosts;
%ignore n_allow_hosts;
%define %evtwin_tags(NAME)
%extend evtwin_##NAME {
    PyObject *_use_tags(PyObject *keys, PyObject *values) {
        PyObject *k = evtwin_py_strings(keys);
        PyObject *v = k ? evtwin_py_strings(values) : NULL;
        if (v == NULL) {
            Py_XDECREF(k);
            return NULL;
        }
        $self->tag_keys = (const char *const *)(void *)PyBytes_AsString(k);
        $self->tag_values = (const char *const *)(void *)PyBytes_AsString(v);
        $self->n_tags = (size_t)PyList_Size(keys);
        PyObject *pair = PyTuple_Pack(2, k, v);
        Py_DECREF(k);
        Py_DECREF(v);
        return pair;
    }
    %pythoncode %{
    def set_tags(self, tags):
        """Tags from a dict of str to str."""
        keys, values = list(tags), list(tags.values())
        self.__dict__.setdefault("_kept", {})["tags"] = (keys, values, self._use_tags(keys, values))
    %}
}
%enddef
%evtwin_tags(run_options)
%evtwin_tags(tracker_version_options)
%extend evtwin_server_options {
    PyObject *_use_allow_hosts(PyObject *names) {
        PyObject *bytes = evtwin_py_strings(names);
        if (bytes != NULL) {
            $self->allow_hosts = (const char *const *)(void *)PyBytes_AsString(bytes);
            $self->n_allow_hosts = (size_t)PyList_Size(names);
        }
        return bytes;
    }
    %pythoncode %{
    def set_allow_hosts(self, names):
        """Names under which a proxy passes requests on, from a list of str."""
        names = [names] if isinstance(names, str) else list(names)
        self.__dict__.setdefault("_kept", {})["allow_hosts"] = (names, self._use_allow_hosts(names))
    %}
}
