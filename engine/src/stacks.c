/* Stacks of running threads from one copy, as cpython/stacks.py of spindoctor reads them: that is the reference.

   The same names stand for the same things; what is written there about torn stacks and last callers holds here. */

#include <stdlib.h>
#include <string.h>

#include "engine.h"

enum { MAX_CALLERS = 4096, MAX_CODES = 1 << 16, OLD = 64 };

/* ---- what to copy of a thread */

void plan_forget(Plan *plan) {
    plan->chunk_count = plan->pointer_count = plan->lone_count = 0;
    plan->is_planned = plan->is_stale = false;
}

void plan_free(Plan *plan) {
    free(plan->lone);
    free(plan->stack.frames);
    free(plan->pending.frames);
}

static void plan_chunks(Stacks *stacks, Plan *plan, const uint8_t *head) {
    const Layout *layout = &stacks->layout;
    word chunk = word_at(head + layout->chunk), top = word_at(head + layout->chunk_top);
    plan->chunk_count = 0;
    while (chunk && plan->chunk_count < MAX_CHUNKS) {
        for (size_t i = 0; i < plan->chunk_count; i++)
            if (plan->chunks[i].start == chunk)
                return;
        uint8_t words[16];
        if (memory_read(&stacks->memory, chunk, words, sizeof words) != FINE)
            return;
        word size = word_at(words + layout->chunk_size);
        word used = top > chunk && top - chunk <= size ? top - chunk + SLACK : size;
        used = used < size ? used : size;
        used = used < MAX_CHUNK ? used : MAX_CHUNK;
        plan->chunks[plan->chunk_count++] = (Range){chunk, used, 0};
        chunk = word_at(words + layout->chunk_previous);
    }
}

static void plan_pointer(const Layout *layout, Plan *plan, const uint8_t *head) {
    word pointer = word_at(head + layout->top_name) + layout->pointed;
    if (pointer == layout->pointed)
        return;
    size_t known = 0;
    while (known < plan->pointer_count && plan->pointers[known] != pointer)
        known++;
    if (known == plan->pointer_count)
        plan->pointer_count += plan->pointer_count < MAX_POINTERS;
    if (known == MAX_POINTERS)
        known--;
    memmove(plan->pointers + 1, plan->pointers, known * sizeof *plan->pointers);
    plan->pointers[0] = pointer;
}

static void plan_make(Stacks *stacks, Plan *plan) {
    uint8_t head[SMALLEST_ADDRESS];
    if (memory_read(&stacks->memory, plan->state, head, stacks->layout.head_size) != FINE)
        return;
    plan_chunks(stacks, plan, head);
    if (stacks->layout.is_pointed)
        plan_pointer(&stacks->layout, plan, head);
    plan->is_planned = true;
    plan->is_stale = false;
}

/* Leave out what no stack has needed for a while. */
static void plan_age(Stacks *stacks, Plan *plan) {
    word oldest = plan->lone_count > MAX_LONE ? 1 : OLD;
    size_t kept = 0;
    for (size_t i = 0; i < plan->lone_count; i++)
        if (stacks->looks - plan->lone[i].used <= oldest)
            plan->lone[kept++] = plan->lone[i];
    plan->lone_count = kept;
}

void plan_want(Stacks *stacks, Plan *plan) {
    Copy *copy = &stacks->copy;
    if (!plan->is_planned || plan->is_stale)
        plan_make(stacks, plan);
    plan_age(stacks, plan);
    copy_want(copy, plan->state, stacks->layout.head_size);
    for (size_t i = 0; i < plan->pointer_count; i++)
        copy_want(copy, plan->pointers[i], 8);
    for (size_t i = 0; i < plan->chunk_count; i++)
        copy_want(copy, plan->chunks[i].start, plan->chunks[i].size);
    for (size_t i = 0; i < plan->lone_count; i++)
        copy_want(copy, plan->lone[i].address, plan->lone[i].size);
}

/* Copy this too next time. */
void plan_remember(Stacks *stacks, Plan *plan, word address, word size) {
    for (size_t i = 0; i < plan->lone_count; i++)
        if (plan->lone[i].address == address) {
            plan->lone[i].used = stacks->looks;
            plan->lone[i].size = size > plan->lone[i].size ? size : plan->lone[i].size;
            return;
        }
    if (plan->lone_count >= MAX_DEPTH)
        return;
    if (plan->lone_count == plan->lone_room) {
        size_t room = plan->lone_room ? 2 * plan->lone_room : 32;
        Lone *lone = realloc(plan->lone, room * sizeof *lone);
        if (!lone) {
            stacks->is_out_of_memory = true;
            return;
        }
        plan->lone = lone;
        plan->lone_room = room;
    }
    plan->lone[plan->lone_count++] = (Lone){address, size, stacks->looks};
}

/* ---- frames */

static Frame frame_at(const Layout *layout, word address, const uint8_t *bytes) {
    return (Frame){address, word_at(bytes + layout->frame_code), word_at(bytes + layout->frame_instruction),
                   bytes[layout->frame_owner], word_at(bytes + layout->frame_previous)};
}

static bool is_in_chunk(const Plan *plan, word address) {
    for (size_t i = 0; i < plan->chunk_count; i++)
        if (address >= plan->chunks[i].start && address - plan->chunks[i].start < plan->chunks[i].size)
            return true;
    return false;
}

/* The frame at an address, from the copy or read apart (`is_apart`); false if nothing is there any more. */
static bool fetch(Stacks *stacks, Plan *plan, word address, Frame *frame, bool *is_apart) {
    uint8_t apart[SMALLEST_ADDRESS];
    const uint8_t *bytes = copy_find(&stacks->copy, address, stacks->layout.frame_size);
    if (!bytes) {
        *is_apart = true;
        if (memory_read(&stacks->memory, address, apart, stacks->layout.frame_size) != FINE)
            return false;
        bytes = apart;
    }
    if (!is_in_chunk(plan, address))
        plan_remember(stacks, plan, address, stacks->layout.frame_size);
    *frame = frame_at(&stacks->layout, address, bytes);
    return true;
}

static bool is_entry(const Layout *layout, word owner) { return owner < 64 && layout->entry_owners >> owner & 1; }

/* Whether there is a code object; what was one once is taken to be one still, as long as none are said to have died. */
static bool is_code(Stacks *stacks, word address) {
    uint8_t type[8];
    if (table_find(&stacks->codes, address, 0, 0))
        return true;
    if (memory_read(&stacks->memory, address + stacks->layout.object_type, type, sizeof type) != FINE)
        return false;
    if (word_at(type) != stacks->layout.code_type)
        return false;
    if (stacks->codes.count > MAX_CODES)
        table_clear(&stacks->codes);
    stacks->is_out_of_memory |= !table_put(&stacks->codes, address, 0, 0, 0);
    return true;
}

static bool stack_add(Stack *stack, Frame frame) {
    if (stack->count == stack->room) {
        size_t room = stack->room ? 2 * stack->room : 64;
        Frame *frames = realloc(stack->frames, room * sizeof *frames);
        if (!frames)
            return false;
        stack->frames = frames;
        stack->room = room;
    }
    stack->frames[stack->count++] = frame;
    return true;
}

/* Add a frame; false where there is none by now. */
static bool add(Stacks *stacks, Stack *stack, Frame frame) {
    frame.code &= ~stacks->layout.tag_mask;
    frame.instruction -= frame.code + stacks->layout.code_start;
    if (!is_code(stacks, frame.code))
        return false;
    if (stack_add(stack, frame))
        return true;
    stacks->is_out_of_memory = true;
    return false;
}

/* ---- who called generators */

static void note_callers(Stacks *stacks, const Stack *stack) {
    if (stacks->called.count > MAX_CALLERS) {
        table_clear(&stacks->callers);
        table_clear(&stacks->called);
    }
    for (size_t i = 0; i + 1 < stack->count; i++) {
        const Frame *one = &stack->frames[i];
        if (one->owner != OWNED_BY_GENERATOR || !one->caller)
            continue;
        word code = stack->frames[i + 1].code, *known = table_find(&stacks->called, one->address, one->code, one->caller);
        bool is_noted = table_put(&stacks->callers, one->address, one->code, 0, one->caller);
        if (!known)
            is_noted = is_noted && table_put(&stacks->called, one->address, one->code, one->caller, code);
        else if (*known != code)
            *known = 0;
        stacks->is_out_of_memory |= !is_noted;
    }
}

static word last_caller(Stacks *stacks, Plan *plan, const Frame *called, bool *is_apart) {
    const word *address = table_find(&stacks->callers, called->address, called->code, 0);
    const word *code = address ? table_find(&stacks->called, called->address, called->code, *address) : NULL;
    word place = code && *code ? *address : 0, wanted = code ? *code : 0;
    for (int i = 0; place && i < MAX_ENTRIES; i++) {
        Frame frame;
        if (!fetch(stacks, plan, place, &frame, is_apart))
            return 0;
        if (!is_entry(&stacks->layout, frame.owner))
            return (frame.code & ~(word)3) == wanted ? *address : 0;
        place = frame.caller;
    }
    return 0;
}

/* ---- one stack */

static int by_word(const void *one, const void *other) {
    word a = *(const word *)one, b = *(const word *)other;
    return (a > b) - (a < b);
}

static bool is_circle(const Stack *stack) {
    word *places = malloc((stack->count + 1) * sizeof *places);
    bool found = !places;
    for (size_t i = 0; places && i < stack->count; i++)
        places[i] = stack->frames[i].address;
    if (places)
        qsort(places, stack->count, sizeof *places, by_word);
    for (size_t i = 1; places && i < stack->count; i++)
        found = found || places[i] == places[i - 1];
    free(places);
    return found;
}

/* The address of the innermost frame, 0 if there is none; false where it cannot be read. */
static bool find_top(Stacks *stacks, Plan *plan, const uint8_t *head, word *top) {
    const Layout *layout = &stacks->layout;
    uint8_t apart[8];
    *top = word_at(head + layout->top_name);
    if (!layout->is_pointed || !*top)
        return true;
    word pointer = *top + layout->pointed;
    const uint8_t *bytes = NULL;
    for (size_t i = 0; i < plan->pointer_count; i++)
        if (plan->pointers[i] == pointer)
            bytes = copy_find(&stacks->copy, pointer, 8);
    if (!bytes) {
        plan->is_stale = true;
        if (memory_read(&stacks->memory, pointer, apart, sizeof apart) != FINE)
            return false;
        bytes = apart;
    }
    *top = word_at(bytes);
    return true;
}

static void mark_torn(Plan *plan) {
    if (plan->torn_at < 0)
        plan->torn_at = (ptrdiff_t)plan->stack.count;
}

static void walk(Stacks *stacks, Plan *plan, word frame) {
    Stack *stack = &plan->stack;
    word owner = 0;
    for (size_t steps = 0; frame; steps++) {
        Frame found;
        bool is_apart = false;
        if (steps > MAX_DEPTH) {
            stack->is_misread = is_circle(stack);
            break;
        }
        bool is_there = fetch(stacks, plan, frame, &found, &is_apart);
        if (is_apart)
            mark_torn(plan);
        if (!is_there)
            break;
        owner = found.owner;
        if (!is_entry(&stacks->layout, owner) && !add(stacks, stack, found)) {
            stack->is_misread = !stack->count;
            mark_torn(plan);
            break;
        }
        frame = found.caller;
        if (owner == OWNED_BY_GENERATOR && !frame && stack->count) {
            is_apart = false;
            frame = last_caller(stacks, plan, &stack->frames[stack->count - 1], &is_apart);
            if (is_apart)
                mark_torn(plan);
            stack->is_spliced |= frame != 0;
        }
    }
    if (!stack->is_misread && plan->torn_at < 0 && !plan->is_stale)
        note_callers(stacks, stack);
    stack->is_complete = !frame && (!stack->count || is_entry(&stacks->layout, owner));
}

static void read_one(Stacks *stacks, Plan *plan) {
    Stack *stack = &plan->stack;
    word top;
    plan->torn_at = -1;
    stack->count = 0;
    stack->is_complete = stack->is_spliced = stack->is_misread = false;
    const uint8_t *head = copy_find(&stacks->copy, plan->state, stacks->layout.head_size);
    if (!plan->is_planned || !head || !find_top(stacks, plan, head, &top)) {
        stack->is_misread = true;
        plan->is_planned = false;
        return;
    }
    if (word_at(head + stacks->layout.chunk) != (plan->chunk_count ? plan->chunks[0].start : 0))
        plan->is_stale = true;
    walk(stacks, plan, top);
}

/* ---- stacks of several copies */

static void cut(Stack *stack, ptrdiff_t place) {
    size_t kept = place > 0 ? (size_t)place : 1;
    stack->count = stack->count < kept ? stack->count : kept;
    stack->is_complete = stack->is_spliced = false;
}

/* Go on with `plan->pending` as a later copy has it, which is in `plan->stack` and becomes the whole. */
static void join(Stacks *stacks, Plan *plan) {
    Stack *first = &plan->pending, *second = &plan->stack;
    size_t joint = plan->pending_at > 0 ? (size_t)plan->pending_at - 1 : 0, there = 0;
    if (plan->is_stale || second->is_misread) {
        second->count = 0;
        second->is_complete = second->is_spliced = second->is_misread = false;
    } else if (plan->torn_at >= 0) {
        second->count = second->count < (size_t)plan->torn_at ? second->count : (size_t)plan->torn_at;
        second->is_complete = second->is_spliced = false;
    }
    if (!first->count)
        return;
    const Frame last = first->frames[joint];
    while (there < second->count && !(second->frames[there].address == last.address && second->frames[there].code == last.code))
        there++;
    if (there == second->count) {
        cut(first, plan->pending_at);
    } else {
        first->count = joint;
        for (; there < second->count; there++)
            stacks->is_out_of_memory |= !stack_add(first, second->frames[there]);
        first->is_complete = second->is_complete;
        first->is_spliced = second->is_spliced;
    }
    Stack swapped = *first;
    *first = *second;
    *second = swapped;
}

/* Judge what a copy gave; whether the thread is to be copied again. */
static bool judge(Stacks *stacks, Plan *plan) {
    read_one(stacks, plan);
    if (plan->is_pending) {
        plan->is_pending = false;
        join(stacks, plan);
    } else if (plan->torn_at >= 0 && !plan->is_stale && !plan->stack.is_misread) {
        Stack swapped = plan->pending;
        plan->pending = plan->stack;
        plan->stack = swapped;
        plan->pending_at = plan->torn_at;
        plan->is_pending = true;
    }
    return plan->is_pending || plan->is_stale;
}

static Outcome take(Stacks *stacks, Plan **plans, size_t count, void (*want_more)(void *), void *context) {
    Outcome outcome = UNREADABLE;
    for (int tries = 0; tries < 2 && outcome == UNREADABLE; tries++) {
        copy_begin(&stacks->copy);
        if (want_more)
            want_more(context);
        for (size_t i = 0; i < count; i++) {
            if (tries)
                plan_forget(plans[i]);
            if (plans[i]->is_again)
                plan_want(stacks, plans[i]);
        }
        outcome = copy_take(&stacks->copy);
    }
    return outcome;
}

/* Read the stacks that are to be read again, from copies until they hold; the first may have been taken already. */
static Outcome read_again(Stacks *stacks, Plan **plans, size_t count, void (*want_more)(void *), void *context) {
    for (int copies = 0; copies < MAX_COPIES; copies++) {
        bool is_again = false;
        Outcome outcome = stacks->copy.is_taken ? FINE : take(stacks, plans, count, want_more, context);
        if (outcome != FINE)
            return outcome;
        for (size_t i = 0; i < count; i++) {
            if (plans[i]->is_again)
                plans[i]->is_again = judge(stacks, plans[i]);
            is_again |= plans[i]->is_again;
        }
        if (!is_again)
            break;
        stacks->copy.is_taken = false;
    }
    for (size_t i = 0; i < count; i++)
        if (plans[i]->is_pending) {
            plans[i]->is_pending = false;
            Stack swapped = plans[i]->stack;
            plans[i]->stack = plans[i]->pending;
            plans[i]->pending = swapped;
            cut(&plans[i]->stack, plans[i]->pending_at);
        }
    return FINE;
}

Outcome stacks_read(Stacks *stacks, Plan **plans, size_t count, void (*want_more)(void *), void *context) {
    for (size_t i = 0; i < count; i++) {
        plans[i]->is_again = true;
        plans[i]->is_pending = false;
    }
    for (int tries = 0; tries <= MORE_TRIES; tries++) {
        bool is_torn = false;
        Outcome outcome = read_again(stacks, plans, count, want_more, context);
        if (outcome != FINE)
            return outcome;
        for (size_t i = 0; i < count; i++) {
            plans[i]->is_again = plans[i]->stack.is_misread;
            is_torn |= plans[i]->is_again;
        }
        if (!is_torn)
            break;
        stacks->copy.is_taken = false;
    }
    return stacks->is_out_of_memory ? NO_MEMORY : FINE;
}

void stacks_forget(Stacks *stacks) {
    table_clear(&stacks->codes);
    table_clear(&stacks->callers);
    table_clear(&stacks->called);
}

void stacks_free(Stacks *stacks) {
    table_free(&stacks->codes);
    table_free(&stacks->callers);
    table_free(&stacks->called);
    copy_free(&stacks->copy);
}
