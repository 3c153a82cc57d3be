/* Looks at the threads of one CPython process, many in one call: what is shared between the files of the engine.

   All that is read from the target is input: an address may lead anywhere, a length or a depth may be anything. */

#ifndef SPINDOCTOR_ENGINE_H
#define SPINDOCTOR_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t word;

/* What Python tells of the target, by name: offsets into its structures, addresses, constants. */
#define FIELDS(X)                                                                                                      \
    X(frame_size) X(frame_code) X(frame_previous) X(frame_instruction) X(frame_owner) X(frame_slots)                   \
    X(tag_mask) X(entry_owners) X(code_start) X(code_type) X(object_type)                                              \
    X(head_size) X(top_name) X(is_pointed) X(pointed) X(chunk) X(chunk_top) X(chunk_size) X(chunk_previous)            \
    X(gil) X(gil_holder) X(gil_locked) X(gil_switches) X(collecting) X(generation)                                     \
    X(running_loop) X(running_task) X(current_tasks) X(dict_keys) X(dict_values) X(keys_head) X(keys_count)            \
    X(keys_log2_index) X(keys_log2_size) X(keys_kind) X(keys_general) X(cell_type) X(cell_content) X(asks_awaiters)

#define AS_MEMBER(name) word name;
typedef struct {
    FIELDS(AS_MEMBER)
} Layout;

enum { MAX_DEPTH = 4096, MAX_CHUNKS = 64, MAX_POINTERS = 8, MAX_ENTRIES = 3, MAX_COPIES = 3, MORE_TRIES = 2 };
enum { MAX_RANGES = 900, MAX_LONE = 192, SLACK = 3072, MAX_CHUNK = 1 << 18, MAX_BYTES = 1 << 22, MAX_GAP = 2048 };
enum { OWNED_BY_GENERATOR = 1, SMALLEST_ADDRESS = 4096, MAX_LAYOUT = 1 << 16 };

typedef enum { FINE, UNREADABLE, GONE, NO_MEMORY } Outcome;

/* ---- memory.c */

typedef struct {
    word start, size;
    size_t place;
} Range;

typedef struct {
    word start;
    size_t size;
    const uint8_t *bytes;
} Block;

/* The memory of a process, or blocks of recorded memory, in the order of their addresses. */
typedef struct {
    int pid;
    const Block *blocks;
    size_t count;
    word calls;
} Memory;

/* What is wanted of the memory, and the copy of it. */
typedef struct {
    Memory *memory;
    Range *ranges;
    size_t count, room;
    uint8_t *data;
    size_t data_room;
    bool is_full, is_taken;
} Copy;

Outcome memory_read(Memory *memory, word address, void *to, size_t size);
void copy_begin(Copy *copy);
void copy_want(Copy *copy, word address, word size);
Outcome copy_take(Copy *copy);
const uint8_t *copy_find(const Copy *copy, word address, word size);
void copy_free(Copy *copy);

static inline word word_at(const uint8_t *bytes) {
    word found;
    __builtin_memcpy(&found, bytes, sizeof found);
    return found;
}

static inline int32_t int_at(const uint8_t *bytes) {
    int32_t found;
    __builtin_memcpy(&found, bytes, sizeof found);
    return found;
}

/* ---- table.c */

/* A set of triples of words with a number each; grows, and is cleared as a whole. */
typedef struct {
    word key[3];
    word value;
    bool is_used;
} Slot;

typedef struct {
    Slot *slots;
    size_t room, count;
} Table;

word *table_find(const Table *table, word a, word b, word c);
word *table_put(Table *table, word a, word b, word c, word value); /* NULL without memory */
void table_clear(Table *table);
void table_free(Table *table);

/* ---- stacks.c */

typedef struct {
    word address, code, instruction, owner, caller;
} Frame;

typedef struct {
    Frame *frames;
    size_t count, room;
    bool is_complete, is_spliced, is_misread;
} Stack;

typedef struct {
    word address, size, used;
} Lone;

/* What to copy of one thread, and what the copies gave. `torn_at`: the first frame that was not in the copy, or -1. */
typedef struct {
    word state;
    Range chunks[MAX_CHUNKS];
    size_t chunk_count;
    word pointers[MAX_POINTERS];
    size_t pointer_count;
    Lone *lone;
    size_t lone_count, lone_room;
    bool is_planned, is_stale, is_pending, is_again;
    ptrdiff_t torn_at, pending_at;
    Stack stack, pending;
} Plan;

typedef struct {
    Layout layout;
    Memory memory;
    Copy copy;
    Table codes;   /* code object -> what Python said of it, see CODE_ */
    Table callers; /* frame and code of a generator -> its last caller's frame */
    Table called;  /* the same and the caller's frame -> the caller's code, 0 where there was another one, too */
    word looks;
    bool is_out_of_memory;
} Stacks;

/* What is known of a code object: nothing yet but that it is one, or all; more bits say where its variables begin. */
enum { CODE_TOLD = 1, CODE_LIVE = 2, CODE_SHIM = 4, CODE_SLOTS = 8 };

void plan_want(Stacks *stacks, Plan *plan);
Outcome stacks_read(Stacks *stacks, Plan **plans, size_t count, void (*want_more)(void *), void *context);
void plan_remember(Stacks *stacks, Plan *plan, word address, word size);
void plan_forget(Plan *plan);
void plan_free(Plan *plan);
void stacks_forget(Stacks *stacks);
void stacks_free(Stacks *stacks);

#endif
