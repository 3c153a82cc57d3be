/* Structures that CPython keeps in its .c files, written down here member by member in the order of their source.
 *
 * Sources: Modules/_asynciomodule.c, Modules/_collectionsmodule.c, Modules/_queuemodule.c, Modules/_functoolsmodule.c,
 * Objects/genobject.c, and Objects/dict-common.h up to 3.10. Only members whose place we need have meaningful names.
 */
#define PRIVATE_BLOCKLEN 64

typedef struct private_block {
    struct private_block *leftlink;
    PyObject *data[PRIVATE_BLOCKLEN];
    struct private_block *rightlink;
} private_block;

typedef struct {
    PyObject_VAR_HEAD
    private_block *leftblock;
    private_block *rightblock;
    Py_ssize_t leftindex;
    Py_ssize_t rightindex;
} private_deque;

typedef struct {
    PyObject_HEAD
    PyObject *fn;
    PyObject *args;
    PyObject *keywords;
} private_partial;

typedef struct {
    PyObject_HEAD
    PyObject *generator;
} private_async_gen_awaitable;

typedef struct {
    PyObject_HEAD
    PyObject *coroutine;
} private_coroutine_wrapper;

#if PY_MINOR_VERSION >= 13
typedef struct {
    PyObject_HEAD
    int has_threads_waiting;
    Py_ssize_t put_index;
    Py_ssize_t get_index;
    PyObject **items;
    Py_ssize_t items_capacity;
    Py_ssize_t num_items;
} private_simple_queue;
#else
typedef struct {
    PyObject_HEAD
    void *lock;
    int locked;
    PyObject *list;
    Py_ssize_t list_position;
} private_simple_queue;
#endif

#if PY_MINOR_VERSION <= 10
struct _dictkeysobject {
    Py_ssize_t dk_refcnt;
    Py_ssize_t dk_size;
    void *dk_lookup;
    Py_ssize_t dk_usable;
    Py_ssize_t dk_nentries;
    char dk_indices[];
};
#endif
#if PY_MINOR_VERSION <= 9
typedef struct {
    PyObject_HEAD
    PyObject *md_dict;
} PyModuleObject;
#endif

typedef struct {
    PyObject_HEAD
    PyObject *loop;
    int pid; /* pid_t, of the process in which the loop runs; a forked child inherits the object */
} private_running_loop_holder;

typedef struct {
    PyObject_HEAD
    PyObject *task;
} private_task_wakeup;

typedef struct {
    PyObject_HEAD
    PyObject *future;
} private_future_iterator;

#define PRIVATE_MUST_CANCEL_BIT 4

#if PY_MINOR_VERSION == 8
#define PRIVATE_EXCEPTION_TRACEBACK
#define PRIVATE_CANCEL_MESSAGE
#define PRIVATE_CANCELLED
#elif PY_MINOR_VERSION == 9
#define PRIVATE_EXCEPTION_TRACEBACK
#define PRIVATE_CANCEL_MESSAGE PyObject *cancel_message;
#define PRIVATE_CANCELLED PyObject *cancelled[4];
#elif PY_MINOR_VERSION == 10
#define PRIVATE_EXCEPTION_TRACEBACK PyObject *exception_traceback;
#define PRIVATE_CANCEL_MESSAGE PyObject *cancel_message;
#define PRIVATE_CANCELLED PyObject *cancelled[4];
#else
#define PRIVATE_EXCEPTION_TRACEBACK PyObject *exception_traceback;
#define PRIVATE_CANCEL_MESSAGE PyObject *cancel_message;
#define PRIVATE_CANCELLED PyObject *cancelled;
#endif

#define PRIVATE_FUTURE_HEAD         \
    PyObject_HEAD                   \
    PyObject *loop;                 \
    PyObject *callback0;            \
    PyObject *context0;             \
    PyObject *callbacks;            \
    PyObject *exception;            \
    PRIVATE_EXCEPTION_TRACEBACK     \
    PyObject *result;               \
    PyObject *source_traceback;     \
    PRIVATE_CANCEL_MESSAGE

#if PY_MINOR_VERSION <= 12
#define PRIVATE_FUTURE_TAIL         \
    int state;                      \
    int log_traceback;              \
    int blocking;                   \
    PyObject *dict;                 \
    PyObject *weakreflist;          \
    PRIVATE_CANCELLED
#else
/* From 3.13 the flags are bit fields behind the state, and the dict and the weak references lie before the object. */
#define PRIVATE_FUTURE_TAIL         \
    PRIVATE_CANCELLED               \
    int state;                      \
    unsigned log_traceback : 1;     \
    unsigned blocking : 1;
#endif

typedef struct {
    PRIVATE_FUTURE_HEAD
    PRIVATE_FUTURE_TAIL
} private_future;

typedef struct {
    PRIVATE_FUTURE_HEAD
    PRIVATE_FUTURE_TAIL
#if PY_MINOR_VERSION >= 13
    unsigned must_cancel : 1;
    unsigned log_destroy_pending : 1;
    int num_cancels_requested;
#endif
    PyObject *fut_waiter;
    PyObject *coro;
    PyObject *name;
    PyObject *context;
#if PY_MINOR_VERSION <= 12
    int must_cancel;
    int log_destroy_pending;
#endif
#if PY_MINOR_VERSION == 11 || PY_MINOR_VERSION == 12
    int num_cancels_requested;
#endif
} private_task;
