/* The engine as Python sees it: `Engine`, and `FIELDS`, the names of what it must be told of the target. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "batch.h"

#define AS_NAME(name) #name,
static const char *const field_names[] = {FIELDS(AS_NAME)};
enum { FIELD_COUNT = sizeof field_names / sizeof *field_names };

enum { MAX_VARIABLES = 1 << 20, MAX_QUIET = 1 << 14, MAX_LOOKS = 10000 };

typedef struct {
    PyObject_HEAD
    Engine *engine;
    PyObject *kept; /* the bytes of recorded memory */
    bool is_running;
} EngineObject;

/* ---- making and ending one */

static bool read_layout(PyObject *values, Layout *layout) {
    word *to = (word *)layout;
    if (PySequence_Size(values) != FIELD_COUNT) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_ValueError, "%d values are needed", FIELD_COUNT);
        return false;
    }
    for (Py_ssize_t i = 0; i < FIELD_COUNT; i++) {
        PyObject *one = PySequence_GetItem(values, i);
        to[i] = one ? PyLong_AsUnsignedLongLong(one) : 0;
        Py_XDECREF(one);
        if (PyErr_Occurred())
            return false;
    }
    return true;
}

/* Whether all offsets lie inside of what is read for them: they may come from the target. */
static bool is_sane(const Layout *l) {
    word f = l->frame_size, h = l->head_size;
    bool is_frame = f >= 8 && f <= SMALLEST_ADDRESS && l->frame_code <= f - 8 && l->frame_previous <= f - 8 &&
                    l->frame_instruction <= f - 8 && l->frame_owner < f && l->frame_slots <= MAX_LAYOUT;
    bool is_head = h >= 8 && h <= SMALLEST_ADDRESS && l->top_name <= h - 8 && l->chunk <= h - 8 && l->chunk_top <= h - 8;
    bool is_gil = l->gil_switches <= MAX_LAYOUT && l->gil_holder <= l->gil_switches && l->gil_locked <= l->gil_switches;
    word k = l->keys_head;
    bool are_keys = k <= 256 && (!l->current_tasks || (k >= 8 && l->keys_count <= k - 8 && l->keys_log2_index < k &&
                                                       l->keys_log2_size < k && l->keys_kind < k));
    return is_frame && is_head && is_gil && are_keys && l->chunk_size <= 8 && l->chunk_previous <= 8 &&
           l->object_type <= 16 && l->cell_content <= 16;
}

static int by_start(const void *one, const void *other) {
    word a = ((const Block *)one)->start, b = ((const Block *)other)->start;
    return (a > b) - (a < b);
}

static bool read_blocks(PyObject *blocks, Memory *memory) {
    Py_ssize_t count = PyList_Size(blocks);
    Block *found = count < 0 ? NULL : calloc((size_t)count + 1, sizeof *found);
    if (!found) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return false;
    }
    memory->blocks = found;
    for (Py_ssize_t i = 0; i < count; i++) {
        unsigned long long start;
        const char *bytes;
        Py_ssize_t size;
        PyObject *one = PyList_GetItem(blocks, i);
        if (!PyTuple_Check(one)) {
            PyErr_SetString(PyExc_TypeError, "a block is (start, bytes)");
            return false;
        }
        if (!PyArg_ParseTuple(one, "Ky#", &start, &bytes, &size))
            return false;
        found[i] = (Block){start, (size_t)size, (const uint8_t *)bytes};
    }
    memory->count = (size_t)count;
    qsort(found, memory->count, sizeof *found, by_start);
    return true;
}

static bool open_process(Engine *engine, int pid) {
    char path[40];
    struct rlimit most = {0, 0};
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    engine->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    getrlimit(RLIMIT_NOFILE, &most);
    engine->most_files = most.rlim_cur > 1 << 16 ? 1 << 15 : (int)(most.rlim_cur / 4);
    if (engine->folder < 0)
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    return engine->folder >= 0;
}

static PyObject *engine_new(PyTypeObject *type, PyObject *args, PyObject *named) {
    int pid;
    PyObject *values, *blocks = Py_None;
    static char *names[] = {"pid", "layout", "blocks", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, named, "iO|O", names, &pid, &values, &blocks))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    EngineObject *self = (EngineObject *)allocate(type, 0);
    if (!self)
        return NULL;
    self->engine = calloc(1, sizeof *self->engine);
    if (!self->engine) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    self->engine->folder = -1;
    Stacks *stacks = &self->engine->stacks;
    stacks->memory.pid = pid;
    stacks->copy.memory = &stacks->memory;
    bool is_made = read_layout(values, &stacks->layout);
    if (is_made && !is_sane(&stacks->layout)) {
        PyErr_SetString(PyExc_ValueError, "the layout contradicts itself");
        is_made = false;
    }
    if (is_made && blocks != Py_None) {
        self->kept = PyList_Check(blocks) ? PySequence_List(blocks) : NULL;
        if (!self->kept && !PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "blocks are a list");
        is_made = self->kept && read_blocks(self->kept, &stacks->memory);
    } else if (is_made) {
        is_made = open_process(self->engine, pid);
    }
    if (!is_made) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void engine_dealloc(EngineObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    Engine *engine = self->engine;
    if (engine) {
        engine_close_threads(engine);
        free(engine->threads.items);
        free(engine->variables.items);
        table_free(&engine->quiet);
        table_free(&engine->passing);
        batch_free(&engine->batch);
        stacks_free(&engine->stacks);
        free((void *)engine->stacks.memory.blocks);
        if (engine->folder >= 0)
            close(engine->folder);
        free(engine);
    }
    Py_XDECREF(self->kept);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* Not for use by two threads at once: a batch runs without the GIL. */
static Engine *idle(EngineObject *self) {
    if (self->is_running)
        PyErr_SetString(PyExc_RuntimeError, "the engine is running");
    return self->is_running ? NULL : self->engine;
}

/* ---- what it is told */

static PyObject *engine_forget(EngineObject *self, PyObject *unused) {
    (void)unused;
    Engine *engine = idle(self);
    if (!engine)
        return NULL;
    stacks_forget(&engine->stacks);
    table_clear(&engine->quiet);
    table_clear(&engine->passing);
    engine->variables.count = 0;
    for (size_t i = 0; i < engine->threads.count; i++)
        plan_forget(&engine->threads.items[i].plan);
    Py_RETURN_NONE;
}

static bool tell_variables(Engine *engine, PyObject *variables) {
    for (Py_ssize_t i = 0, count = PyTuple_Size(variables); i < count; i++) {
        unsigned int slot, kind, may_be_cell;
        PyObject *one = PyTuple_GetItem(variables, i);
        if (!PyTuple_Check(one)) {
            PyErr_SetString(PyExc_TypeError, "a variable is (slot, kind, may_be_cell)");
            return false;
        }
        if (!PyArg_ParseTuple(one, "IIp", &slot, &kind, &may_be_cell))
            return false;
        if (slot > 0xffff || kind > 0xff) {
            PyErr_SetString(PyExc_ValueError, "a slot or a kind is too large");
            return false;
        }
        Variable variable = {(uint16_t)slot, (uint8_t)kind, may_be_cell != 0};
        if (!PUSH(engine->variables, variable)) {
            PyErr_NoMemory();
            return false;
        }
    }
    return true;
}

static PyObject *engine_tell(EngineObject *self, PyObject *args) {
    unsigned long long code;
    int is_live, is_shim;
    PyObject *variables;
    Engine *engine = idle(self);
    if (!engine || !PyArg_ParseTuple(args, "KppO!", &code, &is_live, &is_shim, &PyTuple_Type, &variables))
        return NULL;
    word first = engine->variables.count, count = (word)PyTuple_Size(variables);
    if (first + count > MAX_VARIABLES || count > 0xffff)
        return PyErr_Format(PyExc_ValueError, "too many variables");
    if (!tell_variables(engine, variables))
        return NULL;
    word told = CODE_TOLD | (is_live ? CODE_LIVE : 0) | (is_shim ? CODE_SHIM : 0) | (count ? CODE_SLOTS : 0);
    if (!table_put(&engine->stacks.codes, code, 0, 0, told | first << 16 | count << 48))
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *engine_quiet(EngineObject *self, PyObject *args) {
    unsigned long long type, value;
    unsigned int kind;
    int is_outer;
    Engine *engine = idle(self);
    if (!engine || !PyArg_ParseTuple(args, "KIpK", &type, &kind, &is_outer, &value))
        return NULL;
    Table *table = value ? &engine->passing : &engine->quiet;
    if (table->count > MAX_QUIET)
        table_clear(table);
    if (!table_put(table, type, (kind & 0xff) | (word)(is_outer != 0) << 8, value, 1))
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

/* The thread as it was known, with its files and what is to copy of it; or one that is new. */
static Thread adopted(Engine *engine, int tid, word state) {
    for (size_t i = 0; i < engine->threads.count; i++) {
        Thread *known = &engine->threads.items[i];
        if (known->tid == tid && known->plan.state == state && !known->has_ended) {
            known->has_ended = true;
            return *known;
        }
    }
    Thread thread;
    memset(&thread, 0, sizeof thread);
    thread.tid = tid;
    thread.clock_file = thread.call_file = -1;
    thread.plan.state = state;
    return thread;
}

static bool load_thread(Engine *engine, PyObject *told, Thread *thread) {
    unsigned long long state, ran_ns, slices, loop;
    long long owed_ns;
    int tid, looks_asleep;
    if (!PyTuple_Check(told)) {
        PyErr_SetString(PyExc_TypeError, "a thread is a tuple");
        return false;
    }
    if (!PyArg_ParseTuple(told, "iKKKiLK", &tid, &state, &ran_ns, &slices, &looks_asleep, &owed_ns, &loop))
        return false;
    *thread = adopted(engine, tid, state);
    thread->has_ended = false;
    thread->ran_ns = ran_ns;
    thread->slices = slices;
    thread->looks_asleep = looks_asleep;
    thread->is_owed = owed_ns >= 0;
    thread->owed_ns = owed_ns > 0 ? (word)owed_ns : 0;
    thread->loop = loop;
    thread->is_loop = loop != 0;
    return true;
}

static PyObject *engine_load(EngineObject *self, PyObject *args) {
    PyObject *told;
    unsigned long long switches, moves;
    int is_switching;
    double due_s, allowed_s;
    Engine *engine = idle(self);
    if (!engine || !PyArg_ParseTuple(args, "O!KpddK", &PyList_Type, &told, &switches, &is_switching, &due_s, &allowed_s, &moves))
        return NULL;
    size_t count = (size_t)PyList_Size(told), loaded = 0;
    Thread *threads = calloc(count + 1, sizeof *threads);
    if (!threads)
        return PyErr_NoMemory();
    while (loaded < count && load_thread(engine, PyList_GetItem(told, (Py_ssize_t)loaded), &threads[loaded]))
        loaded++;
    size_t kept = 0;
    for (size_t i = 0; i < engine->threads.count; i++) /* what was adopted has its files and memory there */
        if (!engine->threads.items[i].has_ended)
            engine->threads.items[kept++] = engine->threads.items[i];
    engine->threads.count = kept;
    engine_close_threads(engine);
    free(engine->threads.items);
    engine->threads.items = threads;
    engine->threads.count = loaded;
    engine->threads.room = count + 1;
    engine->switches = switches;
    engine->is_switching = is_switching;
    engine->due_s = due_s;
    engine->allowed_s = allowed_s;
    engine->moves = moves;
    if (loaded < count)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- what it gives */

/* Puts a new reference into a list; false where there is none, or no room. */
static bool appended(PyObject *list, PyObject *told) {
    bool is_done = told && !PyList_Append(list, told);
    Py_XDECREF(told);
    return is_done;
}

static PyObject *engine_state(EngineObject *self, PyObject *unused) {
    (void)unused;
    Engine *engine = idle(self);
    PyObject *threads = engine ? PyList_New(0) : NULL;
    for (size_t i = 0; threads && i < engine->threads.count; i++) {
        const Thread *one = &engine->threads.items[i];
        PyObject *told = Py_BuildValue("iKKiL", one->tid, one->ran_ns, one->slices, one->looks_asleep,
                                       one->is_owed ? (long long)one->owed_ns : -1LL);
        if (!appended(threads, told)) {
            Py_DECREF(threads);
            return NULL;
        }
    }
    if (!threads)
        return NULL;
    return Py_BuildValue("NKNddK", threads, engine->switches, PyBool_FromLong(engine->is_switching), engine->due_s,
                         engine->allowed_s, engine->moves);
}

static PyObject *seen_object(const Batch *batch, const Seen *seen) {
    return Py_BuildValue("iKy#nni", seen->tid, seen->ran_ns, batch->texts.items ? batch->texts.items + seen->call : "",
                         (Py_ssize_t)seen->call_length, (Py_ssize_t)seen->stack, (Py_ssize_t)seen->frames, (int)seen->flags);
}

static PyObject *seen_of(const Batch *batch, const Look *look) {
    PyObject *found = PyTuple_New((Py_ssize_t)look->seen_count);
    for (size_t i = 0; found && i < look->seen_count; i++) {
        PyObject *one = seen_object(batch, &batch->seen.items[look->seen + i]);
        if (!one || PyTuple_SetItem(found, (Py_ssize_t)i, one)) {
            Py_DECREF(found);
            return NULL;
        }
    }
    return found;
}

static PyObject *tasks_of(const Batch *batch, const Look *look) {
    PyObject *found = PyTuple_New((Py_ssize_t)look->task_count);
    for (size_t i = 0; found && i < look->task_count; i++) {
        const Current *one = &batch->tasks.items[look->tasks + i];
        PyObject *told = Py_BuildValue("iK", one->tid, one->task);
        if (!told || PyTuple_SetItem(found, (Py_ssize_t)i, told)) {
            Py_DECREF(found);
            return NULL;
        }
    }
    return found;
}

static PyObject *looks_of(const Batch *batch) {
    PyObject *found = PyList_New(0);
    for (size_t i = 0; found && i < batch->looks.count; i++) {
        const Look *one = &batch->looks.items[i];
        PyObject *seen = seen_of(batch, one), *tasks = seen ? tasks_of(batch, one) : NULL;
        if (!tasks) {
            Py_XDECREF(seen);
            Py_DECREF(found);
            return NULL;
        }
        PyObject *told = Py_BuildValue("dKKNNNN", one->at_s, one->last_holder, one->switches,
                                       PyBool_FromLong(one->is_locked), PyBool_FromLong(one->is_collecting), seen, tasks);
        if (!appended(found, told)) {
            Py_DECREF(found);
            return NULL;
        }
    }
    return found;
}

static PyObject *open_of(const Batch *batch) {
    PyObject *found = PyList_New(0);
    for (size_t i = 0; found && i < batch->open.count; i++) {
        const Open *one = &batch->open.items[i];
        PyObject *told = Py_BuildValue("niKKii", (Py_ssize_t)one->look, one->tid, one->type, one->value, (int)one->kind,
                                       (int)one->is_outer);
        if (!appended(found, told)) {
            Py_DECREF(found);
            return NULL;
        }
    }
    return found;
}

static PyObject *engine_run_method(EngineObject *self, PyObject *args) {
    Timing timing = {0};
    unsigned long long last_holder, generation;
    Engine *engine = idle(self);
    if (!engine || !PyArg_ParseTuple(args, "dddllKK", &timing.start_s, &timing.step_s, &timing.until_s, &timing.number,
                                     &timing.most, &last_holder, &generation))
        return NULL;
    if (!(timing.step_s > 0) || timing.number < 0 || timing.most < 1 || timing.most > MAX_LOOKS || engine->folder < 0)
        return PyErr_Format(PyExc_ValueError, "no such batch");
    timing.last_holder = last_holder;
    timing.generation = generation;
    Status status;
    self->is_running = true;
    Py_BEGIN_ALLOW_THREADS
    status = engine_run(engine, &timing);
    Py_END_ALLOW_THREADS
    self->is_running = false;
    if (status == RUN_NO_MEMORY) {
        engine->stacks.is_out_of_memory = false;
        status = RUN_PURE; /* what was seen so far is kept; Python makes this look */
    }
    const Batch *batch = &engine->batch;
    PyObject *looks = looks_of(batch), *open = looks ? open_of(batch) : NULL;
    if (!open) {
        Py_XDECREF(looks);
        return NULL;
    }
    return Py_BuildValue("ilnnNy#N", (int)status, timing.number, (Py_ssize_t)batch->made, (Py_ssize_t)batch->late, looks,
                         batch->words.items ? (const char *)batch->words.items : "",
                         (Py_ssize_t)(batch->words.count * sizeof(word)), open);
}

static PyObject *stack_object(const Stack *stack) {
    PyObject *frames = PyTuple_New(stack->is_misread ? 0 : (Py_ssize_t)stack->count);
    for (size_t i = 0; frames && i < stack->count && !stack->is_misread; i++) {
        const Frame *one = &stack->frames[i];
        PyObject *told = Py_BuildValue("KKKK", one->address, one->code, one->instruction, one->owner);
        if (!told || PyTuple_SetItem(frames, (Py_ssize_t)i, told)) {
            Py_DECREF(frames);
            return NULL;
        }
    }
    if (!frames)
        return NULL;
    return Py_BuildValue("NNNN", frames, PyBool_FromLong(stack->is_complete), PyBool_FromLong(stack->is_spliced),
                         PyBool_FromLong(stack->is_misread));
}

/* The stacks of the loaded threads that have a state, once: what the differential tests compare. */
static PyObject *engine_stacks(EngineObject *self, PyObject *unused) {
    (void)unused;
    Engine *engine = idle(self);
    if (!engine)
        return NULL;
    size_t count = 0;
    Plan **plans = calloc(engine->threads.count + 1, sizeof *plans);
    for (size_t i = 0; plans && i < engine->threads.count; i++)
        if (engine->threads.items[i].plan.state)
            plans[count++] = &engine->threads.items[i].plan;
    engine->stacks.looks++;
    engine->stacks.copy.is_taken = false;
    Outcome outcome = plans ? stacks_read(&engine->stacks, plans, count, NULL, NULL) : NO_MEMORY;
    PyObject *found = outcome == FINE ? PyList_New(0) : NULL;
    for (size_t i = 0; found && i < count; i++) {
        PyObject *one = stack_object(&plans[i]->stack);
        if (!appended(found, one))
            Py_CLEAR(found);
    }
    free(plans);
    if (outcome == NO_MEMORY)
        return PyErr_NoMemory();
    if (outcome != FINE)
        Py_RETURN_NONE;
    return found;
}

static PyMethodDef engine_methods[] = {
    {"forget", (PyCFunction)engine_forget, METH_NOARGS, "Forget code objects, callers and what stacks need."},
    {"tell", (PyCFunction)engine_tell, METH_VARARGS, "tell(code, is_live, is_shim, ((slot, kind, may_be_cell), ...))"},
    {"quiet", (PyCFunction)engine_quiet, METH_VARARGS, "quiet(type, kind, is_outer, value): such variables tell nothing; with a value that is not 0 only it, and for a while."},
    {"load", (PyCFunction)engine_load, METH_VARARGS,
     "load([(tid, state, ran_ns, slices, looks_asleep, owed_ns, loop), ...], switches, is_switching, due_s, allowed_s, moves)"},
    {"state", (PyCFunction)engine_state, METH_NOARGS,
     "([(tid, ran_ns, slices, looks_asleep, owed_ns), ...], switches, is_switching, due_s, allowed_s, moves)"},
    {"run", (PyCFunction)engine_run_method, METH_VARARGS,
     "run(start_s, step_s, until_s, number, most, last_holder, generation) -> (status, number, made, late, looks, words, open)"},
    {"stacks", (PyCFunction)engine_stacks, METH_NOARGS, "The stacks of all loaded threads; None where memory cannot be read."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot engine_slots[] = {
    {Py_tp_new, engine_new},
    {Py_tp_dealloc, engine_dealloc},
    {Py_tp_methods, engine_methods},
    {Py_tp_doc, "Engine(pid, layout, blocks=None): looks at one process, or at recorded blocks of memory."},
    {0, NULL},
};

static PyType_Spec engine_spec = {
    .name = "spindoctor_engine.Engine",
    .basicsize = sizeof(EngineObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = engine_slots,
};

static int fill_module(PyObject *module) {
    PyObject *type = PyType_FromSpec(&engine_spec), *names = PyTuple_New(FIELD_COUNT);
    for (Py_ssize_t i = 0; names && i < FIELD_COUNT; i++)
        PyTuple_SetItem(names, i, PyUnicode_FromString(field_names[i]));
    int failed = !type || !names || PyModule_AddObjectRef(module, "Engine", type) ||
                 PyModule_AddObjectRef(module, "FIELDS", names) ||
                 PyModule_AddStringConstant(module, "__version__", "1");
    Py_XDECREF(type);
    Py_XDECREF(names);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill_module}, {0, NULL}};

static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "spindoctor_engine",
    .m_doc = "Looks at the threads of a CPython process, many in one call.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit_spindoctor_engine(void) { return PyModuleDef_Init(&module); }
