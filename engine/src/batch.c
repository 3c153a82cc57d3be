/* A batch of looks at the threads of one process: which have run, what they wait in, and their stacks.

   The order and the rules are those of spindoctor's probe/runners.py and probe/watcher.py, which are the reference.
   Whatever is not plain (a thread that is new or has gone, a frame whose variables Python must read) ends the batch. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"

static const double SWEEP_S = 0.1, MOST_SWEEP_SHARE = 0.02, PASSING_S = 1.0, GOLDEN = 0.6180339887498949;
enum { AWAKE_LOOKS = 30, FIRST_LINKS = 2, OUTERMOST = 6, MOST_INNER = 40, OBJECT_BYTES = 24 };
enum { MAX_WORDS = 1 << 22, MAX_ENTRIES_OF_TASKS = 1 << 10 };

bool list_reserve(void **items, size_t *room, size_t count, size_t size) {
    if (count <= *room)
        return true;
    size_t wanted = *room ? 2 * *room : 64;
    while (wanted < count)
        wanted *= 2;
    void *larger = realloc(*items, wanted * size);
    if (!larger)
        return false;
    *items = larger;
    *room = wanted;
    return true;
}

void batch_clear(Batch *batch) {
    batch->looks.count = batch->seen.count = batch->tasks.count = batch->ended.count = 0;
    batch->texts.count = batch->words.count = batch->open.count = 0;
    batch->made = batch->late = 0;
    table_clear(&batch->known);
}

void batch_free(Batch *batch) {
    free(batch->looks.items);
    free(batch->seen.items);
    free(batch->tasks.items);
    free(batch->ended.items);
    free(batch->texts.items);
    free(batch->words.items);
    free(batch->open.items);
    table_free(&batch->known);
}

/* ---- files of threads */

static ssize_t read_file(Engine *engine, const Thread *thread, int *file, const char *name, char *to, size_t size) {
    if (*file >= 0)
        return pread(*file, to, size, 0);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", engine->stacks.memory.pid, thread->tid, name);
    int opened = open(path, O_RDONLY | O_CLOEXEC);
    if (opened < 0)
        return -1;
    ssize_t length = pread(opened, to, size, 0);
    if (engine->kept_files < engine->most_files) {
        engine->kept_files++;
        *file = opened;
    } else {
        close(opened);
    }
    return length;
}

static void close_file(Engine *engine, int *file) {
    if (*file >= 0) {
        close(*file);
        engine->kept_files--;
        *file = -1;
    }
}

void engine_close_threads(Engine *engine) {
    for (size_t i = 0; i < engine->threads.count; i++) {
        Thread *thread = &engine->threads.items[i];
        close_file(engine, &thread->clock_file);
        close_file(engine, &thread->call_file);
        plan_free(&thread->plan);
    }
    engine->threads.count = 0;
}

/* ---- which threads have run */

/* Ask one thread's clock; false where it has ended. */
static bool ask(Engine *engine, Thread *thread) {
    char text[128];
    ssize_t length = read_file(engine, thread, &thread->clock_file, "schedstat", text, sizeof text - 1);
    if (length <= 0)
        return false;
    text[length] = 0;
    char *end;
    word ran_ns = strtoull(text, &end, 10);
    strtoull(end, &end, 10);
    word slices = strtoull(end, &end, 10);
    bool has_run = ran_ns != thread->ran_ns || slices != thread->slices;
    if (thread->looks_asleep >= 0)
        thread->looks_asleep = thread->looks_asleep < AWAKE_LOOKS ? thread->looks_asleep + 1 : -1;
    if (has_run) {
        thread->owed_ns += ran_ns > thread->ran_ns ? ran_ns - thread->ran_ns : 0;
        thread->is_owed = true;
        thread->looks_asleep = 0;
        engine->moves++;
    }
    thread->ran_ns = ran_ns;
    thread->slices = slices;
    return true;
}

static double clock_s(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Ask all threads; false where there are others by now. */
static bool sweep(Engine *engine, double at_s) {
    double began_s = clock_s(CLOCK_THREAD_CPUTIME_ID);
    struct stat folder;
    if (fstat(engine->folder, &folder) || folder.st_nlink != engine->threads.count + FIRST_LINKS)
        return false;
    for (size_t i = 0; i < engine->threads.count; i++)
        if (!ask(engine, &engine->threads.items[i]))
            return false;
    engine->allowed_s = at_s + (clock_s(CLOCK_THREAD_CPUTIME_ID) - began_s) / MOST_SWEEP_SHARE;
    engine->due_s = at_s + SWEEP_S > engine->allowed_s ? at_s + SWEEP_S : engine->allowed_s;
    return true;
}

static bool ask_awake(Engine *engine, word last_holder) {
    for (size_t i = 0; i < engine->threads.count; i++) {
        Thread *thread = &engine->threads.items[i];
        bool had_gil = thread->plan.state && thread->plan.state == last_holder;
        if ((thread->looks_asleep >= 0 || thread->is_loop || had_gil) && !ask(engine, thread))
            return false;
    }
    return true;
}

/* ---- the system calls of threads */

static ssize_t read_call(Engine *engine, Thread *thread, char *to) {
    return read_file(engine, thread, &thread->call_file, "syscall", to, MAX_CALL - 1);
}

/* How much of the text says which call it is: the number and six arguments; of none (-1) the number alone. */
static size_t told_length(const char *text, size_t length) {
    size_t fields = length && text[0] == '-' ? 1 : 7, i = 0;
    for (; i < length && fields; i++)
        fields -= text[i] == ' ' || text[i] == '\n';
    return i;
}

/* What it waits in, where that is the same before and after; false without memory. */
static bool note_call(Engine *engine, Thread *thread, Seen *seen) {
    char after[MAX_CALL];
    ssize_t length = thread->before_length ? read_call(engine, thread, after) : 0;
    size_t told = length > 0 ? told_length(after, (size_t)length) : 0;
    seen->call_length = 0;
    if (!told || after[0] == 'r' || told != told_length(thread->before, thread->before_length))
        return true;
    if (memcmp(after, thread->before, told))
        return true;
    Batch *batch = &engine->batch;
    if (!list_reserve((void **)&batch->texts.items, &batch->texts.room, batch->texts.count + told, 1))
        return false;
    memcpy(batch->texts.items + batch->texts.count, after, told);
    seen->call = batch->texts.count;
    seen->call_length = told;
    batch->texts.count += told;
    return true;
}

static void note_before(Engine *engine, Thread *thread) {
    ssize_t length = read_call(engine, thread, thread->before);
    thread->before_length = length > 0 && thread->before[0] != 'r' ? (size_t)length : 0;
}

/* ---- what every look reads beside stacks */

static void want_base(void *context) {
    Engine *engine = context;
    Copy *copy = &engine->stacks.copy;
    const Layout *layout = &engine->stacks.layout;
    copy_want(copy, layout->gil, layout->gil_switches + 8);
    copy_want(copy, layout->collecting, 4);
    if (layout->generation)
        copy_want(copy, layout->generation, 8);
    for (size_t i = 0; i < engine->threads.count; i++) {
        const Thread *thread = &engine->threads.items[i];
        if (thread->is_loop && layout->running_task) {
            copy_want(copy, thread->plan.state + layout->running_loop, 8);
            copy_want(copy, thread->plan.state + layout->running_task, 8);
        }
    }
    if (layout->current_tasks) {
        copy_want(copy, layout->current_tasks + layout->dict_keys, 8);
        copy_want(copy, layout->current_tasks + layout->dict_values, 8);
    }
}

static Outcome read_at(Stacks *stacks, word address, void *to, size_t size) {
    const uint8_t *bytes = copy_find(&stacks->copy, address, size);
    if (!bytes)
        return memory_read(&stacks->memory, address, to, size);
    memcpy(to, bytes, size);
    return FINE;
}

static bool read_word(Stacks *stacks, word address, word *to) { return read_at(stacks, address, to, 8) == FINE; }

/* The value of a key in a dict of general keys; 0 where it is not there, false where the dict is not of that kind.
   Its keys and entries are copied along the next time: a dict that is emptied and filled gets the same place again. */
static bool dict_value(Stacks *stacks, Plan *plan, word dict, word key, word *value) {
    const Layout *layout = &stacks->layout;
    word keys, values;
    uint8_t head[256];
    *value = 0;
    if (!read_word(stacks, dict + layout->dict_keys, &keys) || !read_word(stacks, dict + layout->dict_values, &values))
        return false;
    if (values || layout->keys_head > sizeof head || read_at(stacks, keys, head, layout->keys_head) != FINE)
        return false;
    word count = word_at(head + layout->keys_count), log2_index = head[layout->keys_log2_index];
    if (head[layout->keys_kind] != layout->keys_general)
        return count == 0;
    if (count > MAX_ENTRIES_OF_TASKS || log2_index > 16)
        return false;
    word entries[3 * 64], place = keys + layout->keys_head + ((word)1 << log2_index);
    plan_remember(stacks, plan, keys, place + 24 * count - keys);
    for (word first = 0; first < count; first += 64) {
        word some = count - first < 64 ? count - first : 64;
        if (read_at(stacks, place + 24 * first, entries, 24 * some) != FINE)
            return false;
        for (word i = 0; i < some; i++)
            if (entries[3 * i + 1] == key && entries[3 * i + 2]) {
                *value = entries[3 * i + 2];
                return true;
            }
    }
    return true;
}

static bool note_tasks(Engine *engine, Look *look) {
    Stacks *stacks = &engine->stacks;
    const Layout *layout = &stacks->layout;
    look->tasks = engine->batch.tasks.count;
    for (size_t i = 0; i < engine->threads.count; i++) {
        Thread *thread = &engine->threads.items[i];
        word running = 0, task = 0;
        if (!thread->is_loop)
            continue;
        if (layout->current_tasks) {
            if (!dict_value(stacks, &thread->plan, layout->current_tasks, thread->loop, &task))
                task = 0;
        } else if (layout->running_task && read_word(stacks, thread->plan.state + layout->running_loop, &running) &&
                   running == thread->loop && !read_word(stacks, thread->plan.state + layout->running_task, &task)) {
            task = 0;
        }
        bool is_new = thread->is_owed && layout->asks_awaiters && !table_find(&engine->passing, 0, KIND_TASK, task);
        look->asks |= task && is_new;
        if (!PUSH(engine->batch.tasks, ((Current){thread->tid, task})))
            return false;
        look->task_count++;
    }
    return true;
}

/* ---- for whom frames work */

static const Variable *variables_of(const Engine *engine, word told, size_t *count) {
    size_t first = told >> 16 & 0xffffffff;
    *count = told & CODE_SLOTS ? told >> 48 : 0;
    return first + *count <= engine->variables.count ? engine->variables.items + first : NULL;
}

/* The object's type and the word behind it, from the copy or read apart; copied along the next time. */
static bool object_at(Engine *engine, Plan *plan, word address, word *type, word *content) {
    uint8_t bytes[OBJECT_BYTES];
    if (read_at(&engine->stacks, address, bytes, sizeof bytes) != FINE)
        return false;
    plan_remember(&engine->stacks, plan, address, sizeof bytes);
    *type = word_at(bytes + engine->stacks.layout.object_type);
    *content = word_at(bytes + engine->stacks.layout.cell_content);
    return true;
}

/* Whether a variable of a frame is known to tell nothing; what is not is kept for Python to see. */
static bool is_quiet(Engine *engine, Thread *thread, const Frame *frame, const Variable *variable, bool is_outer) {
    const Layout *layout = &engine->stacks.layout;
    word value, type = 0, content, place = frame->address + layout->frame_slots + 8 * (word)variable->slot;
    if (read_at(&engine->stacks, place, &value, 8) != FINE)
        return false;
    if (!copy_find(&engine->stacks.copy, place, 8))
        plan_remember(&engine->stacks, &thread->plan, frame->address, place + 8 - frame->address);
    if (layout->tag_mask && (value & layout->tag_mask) == layout->tag_mask)
        return true;
    value &= ~layout->tag_mask;
    if (value < SMALLEST_ADDRESS)
        return true;
    bool is_read = object_at(engine, &thread->plan, value, &type, &content);
    if (is_read && variable->may_be_cell && type == layout->cell_type && type)
        is_read = content < SMALLEST_ADDRESS || object_at(engine, &thread->plan, content, &type, &content);
    if (!is_read)
        return false;
    word kind = variable->kind | (word)is_outer << 8;
    if (table_find(&engine->quiet, type, kind, 0) || table_find(&engine->passing, type, kind, value))
        return true;
    Open open = {engine->batch.looks.count, thread->tid, type, value, variable->kind, is_outer};
    engine->stacks.is_out_of_memory |= !PUSH(engine->batch.open, open);
    return false;
}

/* Whether Python must see this stack at once: code that is new, or variables that may tell of a request. */
static bool asks(Engine *engine, Thread *thread) {
    const Stack *stack = &thread->plan.stack;
    bool found = false;
    for (size_t i = 0; i < stack->count && stack->count <= MAX_DEPTH + 1; i++) {
        const Frame *frame = &stack->frames[i];
        const word *told = table_find(&engine->stacks.codes, frame->code, 0, 0);
        bool is_outer = i + OUTERMOST >= stack->count;
        if (!told || !(*told & CODE_TOLD))
            return true;
        found |= (*told & CODE_LIVE) && thread->is_loop;
        size_t count;
        const Variable *variable = variables_of(engine, *told, &count);
        for (size_t n = 0; variable && n < count && (is_outer || i < MOST_INNER); n++)
            found |= !is_quiet(engine, thread, frame, &variable[n], is_outer);
    }
    return found;
}

/* ---- what a look gives */

static void drop_shims(Engine *engine, Stack *stack) {
    size_t kept = 0;
    for (size_t i = 0; i < stack->count; i++) {
        const word *told = table_find(&engine->stacks.codes, stack->frames[i].code, 0, 0);
        if (!told || !(*told & CODE_SHIM))
            stack->frames[kept++] = stack->frames[i];
    }
    stack->count = kept;
}

static word hash_of(const Stack *stack, word seed) {
    word hash = seed;
    for (size_t i = 0; i < stack->count; i++) {
        const Frame *one = &stack->frames[i];
        hash = (hash ^ one->address) * 0x100000001B3u;
        hash = (hash ^ hash >> 31 ^ one->code) * 0x9E3779B97F4A7C15u;
        hash = (hash ^ hash >> 29 ^ one->instruction ^ one->owner << 56) * 0xBF58476D1CE4E5B9u;
    }
    return hash ^ hash >> 32;
}

static bool is_same(const word *words, const Stack *stack) {
    for (size_t i = 0; i < stack->count; i++, words += 4) {
        const Frame *one = &stack->frames[i];
        if (words[0] != one->address || words[1] != one->code || words[2] != one->instruction || words[3] != one->owner)
            return false;
    }
    return true;
}

/* Where the stack lies among the different ones of this batch; false without memory. */
static bool note_stack(Batch *batch, const Stack *stack, Seen *seen) {
    word hash = hash_of(stack, 1);
    seen->frames = stack->count;
    const word *known = table_find(&batch->known, hash, stack->count, 0);
    if (known && is_same(batch->words.items + *known, stack)) {
        seen->stack = *known;
        return true;
    }
    size_t place = batch->words.count, count = place + 4 * stack->count;
    if (count > MAX_WORDS || !list_reserve((void **)&batch->words.items, &batch->words.room, count, sizeof(word)))
        return false;
    word *to = batch->words.items + place;
    for (size_t i = 0; i < stack->count; i++, to += 4) {
        const Frame *one = &stack->frames[i];
        to[0] = one->address, to[1] = one->code, to[2] = one->instruction, to[3] = one->owner;
    }
    batch->words.count = count;
    seen->stack = place;
    return table_put(&batch->known, hash, stack->count, 0, place) != NULL;
}

static bool note_thread(Engine *engine, Thread *thread, Look *look) {
    Seen seen = {.tid = thread->tid, .ran_ns = thread->owed_ns};
    Stack *stack = &thread->plan.stack;
    if (!note_call(engine, thread, &seen))
        return false;
    if (thread->plan.state) {
        seen.flags = SEEN_HAS_STATE;
        drop_shims(engine, stack);
        if (stack->is_misread)
            stack->count = 0;
        else if (asks(engine, thread))
            seen.flags |= SEEN_ASKS;
        seen.flags |= (stack->is_complete ? SEEN_COMPLETE : 0) | (stack->is_misread ? SEEN_MISREAD : 0);
        if (!note_stack(&engine->batch, stack, &seen))
            return false;
    }
    look->asks |= seen.flags & SEEN_ASKS;
    look->seen_count++;
    return PUSH(engine->batch.seen, seen);
}

/* ---- one look */

static Outcome copy_all(Engine *engine) {
    Stacks *stacks = &engine->stacks;
    Outcome outcome = UNREADABLE;
    for (int tries = 0; tries < 2 && outcome == UNREADABLE; tries++) {
        copy_begin(&stacks->copy);
        want_base(engine);
        for (size_t i = 0; i < engine->threads.count; i++) {
            Thread *thread = &engine->threads.items[i];
            if (!thread->is_owed || !thread->plan.state)
                continue;
            if (tries)
                plan_forget(&thread->plan); /* a chunk of a stack that was deeper has gone from memory */
            plan_want(stacks, &thread->plan);
        }
        outcome = copy_take(&stacks->copy);
    }
    return outcome;
}

static bool read_gil(Engine *engine, Look *look) {
    const Layout *layout = &engine->stacks.layout;
    const uint8_t *gil = copy_find(&engine->stacks.copy, layout->gil, layout->gil_switches + 8);
    const uint8_t *collecting = copy_find(&engine->stacks.copy, layout->collecting, 4);
    if (!gil || !collecting)
        return false;
    look->last_holder = word_at(gil + layout->gil_holder);
    look->switches = word_at(gil + layout->gil_switches);
    look->is_locked = int_at(gil + layout->gil_locked) > 0;
    look->is_collecting = int_at(collecting) != 0;
    return true;
}

/* Whether code objects may have died since Python last said what they are. */
static bool has_new_generation(Engine *engine, word *generation) {
    const Layout *layout = &engine->stacks.layout;
    return layout->generation && read_word(&engine->stacks, layout->generation, generation);
}

static Outcome read_stacks(Engine *engine) {
    Plan *some[64], **plans = some;
    size_t count = 0, room = sizeof some / sizeof *some;
    if (engine->threads.count > room && !(plans = malloc(engine->threads.count * sizeof *plans)))
        return NO_MEMORY;
    for (size_t i = 0; i < engine->threads.count; i++)
        if (engine->threads.items[i].is_owed && engine->threads.items[i].plan.state)
            plans[count++] = &engine->threads.items[i].plan;
    Outcome outcome = stacks_read(&engine->stacks, plans, count, want_base, engine);
    if (plans != some)
        free(plans);
    return outcome;
}

/* Who has not been asked yet is, where the GIL says that he can have run; false where there are other threads by now. */
static bool look_further(Engine *engine, double at_s, bool has_swept, const Look *look, bool *has_more) {
    engine->is_switching = look->switches != engine->switches;
    engine->switches = look->switches;
    *has_more = engine->is_switching && !has_swept && at_s >= engine->allowed_s;
    if (!*has_more)
        return true;
    for (size_t i = 0; i < engine->threads.count; i++)
        engine->threads.items[i].is_new_to_look = !engine->threads.items[i].is_owed;
    if (!sweep(engine, at_s))
        return false;
    *has_more = false;
    for (size_t i = 0; i < engine->threads.count; i++) {
        Thread *thread = &engine->threads.items[i];
        if (thread->is_new_to_look && thread->is_owed) {
            note_before(engine, thread);
            *has_more = true;
        }
    }
    return true;
}

static Status failed(Outcome outcome) {
    return outcome == GONE ? RUN_GONE : outcome == NO_MEMORY ? RUN_NO_MEMORY : RUN_PURE;
}

static Status look_at(Engine *engine, double at_s, word *last_holder, word generation) {
    Look look = {.at_s = at_s, .seen = engine->batch.seen.count};
    bool has_swept = at_s >= engine->due_s || (engine->is_switching && at_s >= engine->allowed_s), has_more;
    word now;
    engine->stacks.looks++;
    if (at_s >= engine->passing_until_s) {
        table_clear(&engine->passing);
        engine->passing_until_s = at_s + PASSING_S;
    }
    if (!(has_swept ? sweep(engine, at_s) : ask_awake(engine, *last_holder)))
        return RUN_PURE;
    for (size_t i = 0; i < engine->threads.count; i++)
        if (engine->threads.items[i].is_owed)
            note_before(engine, &engine->threads.items[i]);
    Outcome outcome = copy_all(engine);
    if (outcome != FINE)
        return failed(outcome);
    if (!read_gil(engine, &look) || !look_further(engine, at_s, has_swept, &look, &has_more))
        return RUN_PURE;
    if (has_more && ((outcome = copy_all(engine)) != FINE || !read_gil(engine, &look)))
        return failed(outcome);
    if (engine->stacks.layout.generation && (!has_new_generation(engine, &now) || now != generation))
        return RUN_PURE;
    if ((outcome = read_stacks(engine)) != FINE)
        return failed(outcome);
    for (size_t i = 0; i < engine->threads.count; i++)
        if (engine->threads.items[i].is_owed && !note_thread(engine, &engine->threads.items[i], &look))
            return RUN_NO_MEMORY;
    if (!note_tasks(engine, &look) || engine->stacks.is_out_of_memory || !PUSH(engine->batch.looks, look))
        return RUN_NO_MEMORY;
    for (size_t i = 0; i < engine->threads.count; i++) {
        engine->threads.items[i].is_owed = false;
        engine->threads.items[i].owed_ns = 0;
    }
    *last_holder = look.last_holder;
    return look.asks ? RUN_ASKS : RUN_ON;
}

/* ---- many looks */

static bool sleep_until(double until_s) {
    struct timespec until = {(time_t)until_s, (long)((until_s - floor(until_s)) * 1e9)};
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0;
}

Status engine_run(Engine *engine, Timing *timing) {
    Batch *batch = &engine->batch;
    batch_clear(batch);
    while ((long)batch->looks.count < timing->most) {
        double moment = (double)timing->number + fmod((double)timing->number * GOLDEN, 1.0);
        if (!sleep_until(timing->start_s + moment * timing->step_s))
            return RUN_SIGNAL;
        double at_s = clock_s(CLOCK_MONOTONIC) - timing->start_s;
        if (at_s >= timing->until_s)
            return RUN_OVER;
        Status status = look_at(engine, at_s, &timing->last_holder, timing->generation);
        if (status != RUN_ON && status != RUN_ASKS)
            return status;
        long due = (long)((clock_s(CLOCK_MONOTONIC) - timing->start_s) / timing->step_s);
        batch->made++;
        batch->late += due > timing->number + 1;
        if (status == RUN_ASKS)
            return status;
        if ((long)batch->looks.count < timing->most)
            timing->number = due > timing->number + 1 ? due : timing->number + 1;
    }
    return RUN_ON;
}
