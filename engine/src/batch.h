/* Many looks in one call, with their own timer. */

#ifndef SPINDOCTOR_BATCH_H
#define SPINDOCTOR_BATCH_H

#include "engine.h"

enum { MAX_CALL = 256, MAX_LOOPS = 64, MAX_VALUES = 512 };

/* A thread by kernel id; `plan.state` is 0 for one without Python code. `looks_asleep` is -1 for one that sleeps. */
typedef struct {
    int tid, clock_file, call_file;
    word ran_ns, slices, owed_ns;
    int looks_asleep;
    bool is_loop, is_owed, is_new_to_look, has_ended;
    word loop;
    char before[MAX_CALL];
    size_t before_length;
    Plan plan;
} Thread;

/* A variable that may say for whom a frame works, as Python told it: its slot, its kind of name, whether it may be a cell. */
typedef struct {
    uint16_t slot;
    uint8_t kind;
    bool may_be_cell;
} Variable;

/* What one look saw of one thread. */
typedef struct {
    int tid;
    word ran_ns;
    size_t call, call_length;
    size_t stack, frames;
    uint8_t flags;
} Seen;

/* The kind of what is asked of a task instead of a variable. */
enum { KIND_TASK = 255 };

enum { SEEN_COMPLETE = 1, SEEN_MISREAD = 2, SEEN_ASKS = 4, SEEN_HAS_STATE = 8 };

/* A variable of a frame whose value's type is not known to tell nothing. */
typedef struct {
    size_t look;
    int tid;
    word type, value;
    uint8_t kind;
    bool is_outer;
} Open;

typedef struct {
    int tid;
    word task;
} Current;

typedef struct {
    double at_s;
    word last_holder, switches;
    bool is_locked, is_collecting, asks;
    size_t seen, seen_count, tasks, task_count, ended, ended_count;
} Look;

#define LIST(type, name) \
    struct {             \
        type *items;     \
        size_t count, room; \
    } name

/* What a batch gives back. `words` are the distinct stacks, four words a frame, each after the other. */
typedef struct {
    LIST(Look, looks);
    LIST(Seen, seen);
    LIST(Current, tasks);
    LIST(int, ended);
    LIST(char, texts);
    LIST(word, words);
    LIST(Open, open);
    Table known;
    size_t made, late;
} Batch;

typedef enum { RUN_ON, RUN_OVER, RUN_ASKS, RUN_PURE, RUN_GONE, RUN_SIGNAL, RUN_NO_MEMORY } Status;

typedef struct {
    Stacks stacks;
    Table quiet;   /* type, kind and place of variables that tell nothing */
    Table passing; /* the same with one value: these hold for a while */
    double passing_until_s;
    LIST(Variable, variables);
    LIST(Thread, threads);
    int folder, kept_files, most_files;
    word switches, moves;
    bool is_switching;
    double due_s, allowed_s;
    Batch batch;
} Engine;

typedef struct {
    double start_s, step_s, until_s;
    long number;
    long most;
    word last_holder, generation;
} Timing;

Status engine_run(Engine *engine, Timing *timing);
void engine_close_threads(Engine *engine);
void batch_clear(Batch *batch);
void batch_free(Batch *batch);
bool list_reserve(void **items, size_t *room, size_t count, size_t size);

#define PUSH(list, item)                                                                                               \
    (list_reserve((void **)&(list).items, &(list).room, (list).count + 1, sizeof *(list).items)                        \
         ? ((list).items[(list).count++] = (item), true)                                                               \
         : false)

#endif
