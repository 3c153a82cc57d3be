/* Prints one "name value" pair a line: where CPython's structures keep their members.
 *
 * Compiled by make_layouts.py against the headers of one interpreter. The names follow the table that CPython 3.13 and
 * later publish themselves (_Py_DebugOffsets), so that one name means one thing in every version. Structures that no
 * installed header declares are declared in layout_private.h.
 */
#define Py_BUILD_CORE 1
#include <stdio.h>
#include <stddef.h>
#include "Python.h"
#if PY_MINOR_VERSION < 12
#include "structmember.h"
#endif
#include "frameobject.h"
#if PY_MINOR_VERSION >= 11
#include "internal/pycore_frame.h"
#include "internal/pycore_code.h"
#endif
#if PY_MINOR_VERSION >= 14
#include "internal/pycore_interpframe_structs.h"
#include "internal/pycore_interpframe.h"
#include "internal/pycore_genobject.h"
#endif
#if PY_MINOR_VERSION >= 13
#include "internal/pycore_genobject.h"
#endif
#if PY_MINOR_VERSION >= 9
#include "internal/pycore_interp.h"
#endif
#if PY_MINOR_VERSION >= 11
#include "internal/pycore_dict.h"
#include "internal/pycore_function.h"
#include "internal/pycore_moduleobject.h"
#elif PY_MINOR_VERSION == 10
#include "internal/pycore_moduleobject.h"
#endif
#if PY_MINOR_VERSION >= 9
#include "internal/pycore_runtime.h"
#endif
#include "internal/pycore_pystate.h"
#include "layout_private.h"

#define NUMBER(name, value) printf("%s %lld\n", name, (long long)(value))
#define MEMBER(name, type, member) NUMBER(name, offsetof(type, member))
#define CONSTANT(name, value) printf("=%s %lld\n", name, (long long)(value))

static void runtime(void)
{
    MEMBER("runtime_state.interpreters_head", _PyRuntimeState, interpreters.head);
#if PY_MINOR_VERSION == 8
    MEMBER("interpreter_state.next", PyInterpreterState, next);
    MEMBER("interpreter_state.id", PyInterpreterState, id);
    MEMBER("interpreter_state.threads_head", PyInterpreterState, tstate_head);
    MEMBER("interpreter_state.imports_modules", PyInterpreterState, modules);
    MEMBER("runtime_state.gc_collecting", _PyRuntimeState, gc.collecting);
    MEMBER("runtime_state.gc_generation_stats", _PyRuntimeState, gc.generation_stats);
#else
    MEMBER("interpreter_state.next", PyInterpreterState, next);
    MEMBER("interpreter_state.id", PyInterpreterState, id);
#if PY_MINOR_VERSION <= 12
    MEMBER("interpreter_state.gc_collecting", PyInterpreterState, gc.collecting);
    MEMBER("interpreter_state.gc_generation_stats", PyInterpreterState, gc.generation_stats);
#elif PY_MINOR_VERSION <= 14
    MEMBER("gc.generation_stats", struct _gc_runtime_state, generation_stats);
#endif
#if PY_MINOR_VERSION >= 12
    MEMBER("interpreter_state.imports_modules", PyInterpreterState, imports.modules);
#else
    MEMBER("interpreter_state.imports_modules", PyInterpreterState, modules);
#endif
#if PY_MINOR_VERSION >= 11
    MEMBER("interpreter_state.threads_head", PyInterpreterState, threads.head);
#else
    MEMBER("interpreter_state.threads_head", PyInterpreterState, tstate_head);
#endif
#endif
#if PY_MINOR_VERSION <= 14
    NUMBER("gc_generation_stats.size", sizeof(struct gc_generation_stats));
    MEMBER("gc_generation_stats.collections", struct gc_generation_stats, collections);
    MEMBER("gc_generation_stats.collected", struct gc_generation_stats, collected);
#endif
}

static void heap(void)
{
#if PY_MINOR_VERSION == 8
    MEMBER("runtime_state.gc", _PyRuntimeState, gc);
#elif PY_MINOR_VERSION <= 12
    MEMBER("interpreter_state.gc", PyInterpreterState, gc);
#endif
    /* Within 3.14 the generations became one array again; they lie where they lay before. */
    MEMBER("gc.generations", struct _gc_runtime_state, generations);
    NUMBER("gc_generation.size", sizeof(struct gc_generation));
    MEMBER("gc_generation.threshold", struct gc_generation, threshold);
    MEMBER("gc_generation.count", struct gc_generation, count);
#if PY_MINOR_VERSION >= 14
    MEMBER("gc.heap_size", struct _gc_runtime_state, heap_size);
#else
    MEMBER("gc.long_lived_total", struct _gc_runtime_state, long_lived_total);
    MEMBER("gc.long_lived_pending", struct _gc_runtime_state, long_lived_pending);
#endif
}

static void gil(void)
{
#if PY_MINOR_VERSION >= 12
    MEMBER("interpreter_state.ceval_gil", PyInterpreterState, ceval.gil);
#else
    MEMBER("runtime_state.gil", _PyRuntimeState, ceval.gil);
#endif
    NUMBER("gil.size", sizeof(struct _gil_runtime_state));
    MEMBER("gil.last_holder", struct _gil_runtime_state, last_holder);
    MEMBER("gil.locked", struct _gil_runtime_state, locked);
    MEMBER("gil.switch_number", struct _gil_runtime_state, switch_number);
}

static void thread(void)
{
    NUMBER("thread_state.size", sizeof(PyThreadState));
    MEMBER("thread_state.next", PyThreadState, next);
    MEMBER("thread_state.thread_id", PyThreadState, thread_id);
#if PY_MINOR_VERSION <= 12
    MEMBER("thread_state.dict", PyThreadState, dict);
#endif
#if PY_MINOR_VERSION >= 11
    MEMBER("thread_state.native_thread_id", PyThreadState, native_thread_id);
    MEMBER("thread_state.datastack_chunk", PyThreadState, datastack_chunk);
#if PY_MINOR_VERSION <= 12
    MEMBER("thread_state.datastack_top", PyThreadState, datastack_top);
#endif
    MEMBER("stack_chunk.previous", _PyStackChunk, previous);
    MEMBER("stack_chunk.size", _PyStackChunk, size);
    MEMBER("stack_chunk.data", _PyStackChunk, data);
#endif
#if PY_MINOR_VERSION >= 13
    /* The members before exc_info changed within 3.14; those from it to the published thread_id did not. */
    NUMBER("thread_state.exc_info_before_thread_id",
           offsetof(PyThreadState, thread_id) - offsetof(PyThreadState, exc_info));
#else
    MEMBER("thread_state.exc_info", PyThreadState, exc_info);
#endif
#if PY_MINOR_VERSION >= 13
    /* What trace functions are kept in follows the published current_frame, with other words between from 3.15 on. */
    NUMBER("thread_state.c_profilefunc_after_current_frame",
           offsetof(PyThreadState, c_profilefunc) - offsetof(PyThreadState, current_frame));
#else
    MEMBER("thread_state.c_profilefunc", PyThreadState, c_profilefunc);
#endif
    MEMBER("err_stackitem.exc_value", _PyErr_StackItem, exc_value);
    MEMBER("err_stackitem.previous_item", _PyErr_StackItem, previous_item);
    NUMBER("err_stackitem.size", sizeof(_PyErr_StackItem));
#if PY_MINOR_VERSION >= 13
    MEMBER("thread_state.current_frame", PyThreadState, current_frame);
#elif PY_MINOR_VERSION >= 11
    MEMBER("thread_state.cframe", PyThreadState, cframe);
    MEMBER("cframe.current_frame", _PyCFrame, current_frame);
#else
    MEMBER("thread_state.frame", PyThreadState, frame);
#endif
}

static void frame(void)
{
#if PY_MINOR_VERSION <= 10
    NUMBER("frame_object.size", offsetof(PyFrameObject, f_localsplus));
    MEMBER("frame_object.f_back", PyFrameObject, f_back);
    MEMBER("frame_object.f_code", PyFrameObject, f_code);
    MEMBER("frame_object.f_lasti", PyFrameObject, f_lasti);
    MEMBER("frame_object.f_gen", PyFrameObject, f_gen);
    MEMBER("frame_object.f_localsplus", PyFrameObject, f_localsplus);
    MEMBER("frame_object.f_valuestack", PyFrameObject, f_valuestack);
#if PY_MINOR_VERSION == 10
    MEMBER("frame_object.f_stackdepth", PyFrameObject, f_stackdepth);
    MEMBER("frame_object.f_state", PyFrameObject, f_state);
#else
    MEMBER("frame_object.f_stacktop", PyFrameObject, f_stacktop);
    MEMBER("frame_object.f_executing", PyFrameObject, f_executing);
#endif
#else
    MEMBER("frame_object.f_frame", PyFrameObject, f_frame);
    NUMBER("interpreter_frame.size", sizeof(_PyInterpreterFrame));
    MEMBER("interpreter_frame.previous", _PyInterpreterFrame, previous);
    MEMBER("interpreter_frame.localsplus", _PyInterpreterFrame, localsplus);
    MEMBER("interpreter_frame.owner", _PyInterpreterFrame, owner);
#if PY_MINOR_VERSION >= 13
    MEMBER("interpreter_frame.executable", _PyInterpreterFrame, f_executable);
    MEMBER("interpreter_frame.instr_ptr", _PyInterpreterFrame, instr_ptr);
#else
    MEMBER("interpreter_frame.executable", _PyInterpreterFrame, f_code);
    MEMBER("interpreter_frame.instr_ptr", _PyInterpreterFrame, prev_instr);
#endif
#if PY_MINOR_VERSION >= 14
    MEMBER("interpreter_frame.stackpointer", _PyInterpreterFrame, stackpointer);
#else
    MEMBER("interpreter_frame.stacktop", _PyInterpreterFrame, stacktop);
#endif
    CONSTANT("owner.thread", FRAME_OWNED_BY_THREAD);
    CONSTANT("owner.generator", FRAME_OWNED_BY_GENERATOR);
    CONSTANT("owner.frame_object", FRAME_OWNED_BY_FRAME_OBJECT);
#if PY_MINOR_VERSION >= 14
    CONSTANT("owner.interpreter", FRAME_OWNED_BY_INTERPRETER);
#endif
#if PY_MINOR_VERSION >= 12 && PY_MINOR_VERSION <= 14
    CONSTANT("owner.c_stack", FRAME_OWNED_BY_CSTACK);
#endif
#endif
}

static void generator(void)
{
    MEMBER("gen_object.gi_name", PyGenObject, gi_name);
    MEMBER("gen_object.gi_qualname", PyGenObject, gi_qualname);
#if PY_MINOR_VERSION >= 11
    MEMBER("gen_object.gi_iframe", PyGenObject, gi_iframe);
    MEMBER("gen_object.gi_frame_state", PyGenObject, gi_frame_state);
#else
    MEMBER("gen_object.gi_frame", PyGenObject, gi_frame);
    MEMBER("gen_object.gi_code", PyGenObject, gi_code);
#endif
    MEMBER("async_gen_awaitable.generator", private_async_gen_awaitable, generator);
    MEMBER("coroutine_wrapper.coroutine", private_coroutine_wrapper, coroutine);
#if PY_MINOR_VERSION >= 10
    CONSTANT("frame_state.created", FRAME_CREATED);
    CONSTANT("frame_state.suspended", FRAME_SUSPENDED);
    CONSTANT("frame_state.executing", FRAME_EXECUTING);
    CONSTANT("frame_state.cleared", FRAME_CLEARED);
#endif
#if PY_MINOR_VERSION >= 13
    CONSTANT("frame_state.suspended_yield_from", FRAME_SUSPENDED_YIELD_FROM);
#endif
#if PY_MINOR_VERSION >= 15
    CONSTANT("frame_state.suspended_yield_from_locked", FRAME_SUSPENDED_YIELD_FROM_LOCKED);
#endif
#if PY_MINOR_VERSION >= 11 && PY_MINOR_VERSION <= 14
    CONSTANT("frame_state.completed", FRAME_COMPLETED);
#endif
}

static void code(void)
{
    NUMBER("code_object.size", sizeof(PyCodeObject));
    MEMBER("code_object.filename", PyCodeObject, co_filename);
    MEMBER("code_object.name", PyCodeObject, co_name);
    MEMBER("code_object.firstlineno", PyCodeObject, co_firstlineno);
    MEMBER("code_object.flags", PyCodeObject, co_flags);
#if PY_MINOR_VERSION >= 10
    MEMBER("code_object.linetable", PyCodeObject, co_linetable);
#else
    MEMBER("code_object.linetable", PyCodeObject, co_lnotab);
#endif
#if PY_MINOR_VERSION >= 11
    MEMBER("code_object.qualname", PyCodeObject, co_qualname);
    MEMBER("code_object.co_code_adaptive", PyCodeObject, co_code_adaptive);
    MEMBER("code_object.localsplusnames", PyCodeObject, co_localsplusnames);
    MEMBER("code_object.localspluskinds", PyCodeObject, co_localspluskinds);
#else
    MEMBER("code_object.code", PyCodeObject, co_code);
    MEMBER("code_object.varnames", PyCodeObject, co_varnames);
    MEMBER("code_object.cellvars", PyCodeObject, co_cellvars);
    MEMBER("code_object.freevars", PyCodeObject, co_freevars);
#endif
}

static void types(void)
{
    MEMBER("pyobject.ob_type", PyObject, ob_type);
    MEMBER("var_object.ob_size", PyVarObject, ob_size);
    NUMBER("type_object.size", sizeof(PyTypeObject));
    MEMBER("type_object.tp_name", PyTypeObject, tp_name);
    MEMBER("type_object.tp_basicsize", PyTypeObject, tp_basicsize);
    MEMBER("type_object.tp_itemsize", PyTypeObject, tp_itemsize);
    MEMBER("type_object.tp_flags", PyTypeObject, tp_flags);
    MEMBER("type_object.tp_members", PyTypeObject, tp_members);
    MEMBER("type_object.tp_dict", PyTypeObject, tp_dict);
    MEMBER("type_object.tp_dictoffset", PyTypeObject, tp_dictoffset);
    MEMBER("type_object.tp_mro", PyTypeObject, tp_mro);
    MEMBER("heap_type_object.ht_cached_keys", PyHeapTypeObject, ht_cached_keys);
    NUMBER("member_def.size", sizeof(PyMemberDef));
    MEMBER("member_def.name", PyMemberDef, name);
    MEMBER("member_def.type", PyMemberDef, type);
    MEMBER("member_def.offset", PyMemberDef, offset);
    MEMBER("module_object.md_dict", PyModuleObject, md_dict);
    MEMBER("cell_object.ob_ref", PyCellObject, ob_ref);
    MEMBER("weakref_object.wr_object", PyWeakReference, wr_object);
    MEMBER("function_object.func_code", PyFunctionObject, func_code);
    MEMBER("function_object.func_closure", PyFunctionObject, func_closure);
    MEMBER("function_object.func_qualname", PyFunctionObject, func_qualname);
    MEMBER("method_object.im_func", PyMethodObject, im_func);
    MEMBER("method_object.im_self", PyMethodObject, im_self);
    MEMBER("c_function_object.m_ml", PyCFunctionObject, m_ml);
    MEMBER("c_function_object.m_self", PyCFunctionObject, m_self);
    MEMBER("partial_object.fn", private_partial, fn);
    MEMBER("partial_object.args", private_partial, args);
}

static void exceptions(void)
{
    MEMBER("exception_object.args", PyBaseExceptionObject, args);
    MEMBER("exception_object.traceback", PyBaseExceptionObject, traceback);
    MEMBER("os_error_object.errno", PyOSErrorObject, myerrno);
    MEMBER("os_error_object.strerror", PyOSErrorObject, strerror);
    MEMBER("traceback_object.tb_next", PyTracebackObject, tb_next);
    MEMBER("traceback_object.tb_frame", PyTracebackObject, tb_frame);
    MEMBER("traceback_object.tb_lasti", PyTracebackObject, tb_lasti);
}

static void plain_values(void)
{
#if PY_MINOR_VERSION >= 12
    MEMBER("long_object.lv_tag", PyLongObject, long_value.lv_tag);
    MEMBER("long_object.ob_digit", PyLongObject, long_value.ob_digit);
#else
    MEMBER("long_object.ob_digit", PyLongObject, ob_digit);
#endif
    MEMBER("float_object.ob_fval", PyFloatObject, ob_fval);
    MEMBER("bytes_object.ob_size", PyVarObject, ob_size);
    MEMBER("bytes_object.ob_sval", PyBytesObject, ob_sval);
    MEMBER("unicode_object.length", PyASCIIObject, length);
    MEMBER("unicode_object.state", PyASCIIObject, state);
    NUMBER("unicode_object.asciiobject_size", sizeof(PyASCIIObject));
    NUMBER("unicode_object.compactunicodeobject_size", sizeof(PyCompactUnicodeObject));
}

static void containers(void)
{
    MEMBER("tuple_object.ob_size", PyVarObject, ob_size);
    MEMBER("tuple_object.ob_item", PyTupleObject, ob_item);
    MEMBER("list_object.ob_size", PyVarObject, ob_size);
    MEMBER("list_object.ob_item", PyListObject, ob_item);
    MEMBER("set_object.used", PySetObject, used);
    MEMBER("set_object.mask", PySetObject, mask);
    MEMBER("set_object.table", PySetObject, table);
    NUMBER("set_entry.size", sizeof(setentry));
    MEMBER("set_entry.key", setentry, key);
    MEMBER("set_entry.hash", setentry, hash);
    MEMBER("dict_object.ma_used", PyDictObject, ma_used);
    MEMBER("dict_object.ma_keys", PyDictObject, ma_keys);
    MEMBER("dict_object.ma_values", PyDictObject, ma_values);
#if PY_MINOR_VERSION >= 11
    MEMBER("dict_keys.log2_size", PyDictKeysObject, dk_log2_size);
    MEMBER("dict_keys.log2_index_bytes", PyDictKeysObject, dk_log2_index_bytes);
    MEMBER("dict_keys.kind", PyDictKeysObject, dk_kind);
    CONSTANT("dict_kind.general", DICT_KEYS_GENERAL);
    MEMBER("dict_values.values", PyDictValues, values);
#if PY_MINOR_VERSION >= 13
    MEMBER("dict_values.capacity", PyDictValues, capacity);
    MEMBER("dict_values.valid", PyDictValues, valid);
#endif
#else
    MEMBER("dict_keys.size", PyDictKeysObject, dk_size);
#endif
    MEMBER("dict_keys.nentries", PyDictKeysObject, dk_nentries);
    MEMBER("dict_keys.indices", PyDictKeysObject, dk_indices);
    MEMBER("deque_object.ob_size", PyVarObject, ob_size);
    MEMBER("deque_object.leftblock", private_deque, leftblock);
    MEMBER("deque_object.leftindex", private_deque, leftindex);
    MEMBER("deque_block.data", private_block, data);
    MEMBER("deque_block.rightlink", private_block, rightlink);
    CONSTANT("deque_block.length", PRIVATE_BLOCKLEN);
#if PY_MINOR_VERSION >= 13
    MEMBER("simple_queue.num_items", private_simple_queue, num_items);
#else
    MEMBER("simple_queue.list", private_simple_queue, list);
    MEMBER("simple_queue.list_position", private_simple_queue, list_position);
#endif
}

static void asyncio(void)
{
    MEMBER("future_object.loop", private_future, loop);
    MEMBER("future_object.callback0", private_future, callback0);
    MEMBER("future_object.callbacks", private_future, callbacks);
    MEMBER("future_object.exception", private_future, exception);
    MEMBER("future_object.result", private_future, result);
    MEMBER("future_object.source_traceback", private_future, source_traceback);
    MEMBER("future_iterator.future", private_future_iterator, future);
#if PY_MINOR_VERSION <= 13
    MEMBER("future_object.state", private_future, state);
    NUMBER("task_object.size", sizeof(private_task));
    MEMBER("task_object.fut_waiter", private_task, fut_waiter);
    MEMBER("task_object.coro", private_task, coro);
    MEMBER("task_object.name", private_task, name);
#if PY_MINOR_VERSION <= 12
    MEMBER("running_loop_holder.loop", private_running_loop_holder, loop);
    MEMBER("running_loop_holder.pid", private_running_loop_holder, pid);
#endif
#if PY_MINOR_VERSION >= 11
    MEMBER("task_object.num_cancels_requested", private_task, num_cancels_requested);
#endif
#if PY_MINOR_VERSION <= 9
    MEMBER("task_wakeup.task", private_task_wakeup, task);
#endif
#if PY_MINOR_VERSION <= 12
    MEMBER("task_object.must_cancel", private_task, must_cancel);
    CONSTANT("task_object.must_cancel_mask", 0xff);
#else
    NUMBER("task_object.must_cancel", offsetof(private_future, state) + sizeof(int));
    CONSTANT("task_object.must_cancel_mask", PRIVATE_MUST_CANCEL_BIT);
#endif
#endif
}

int main(void)
{
    runtime();
    heap();
    gil();
    thread();
    frame();
    generator();
    code();
    types();
    exceptions();
    plain_values();
    containers();
    asyncio();
#if PY_MINOR_VERSION >= 13
#include "layout_published.h"
#endif
    return 0;
}
