/* The target's memory: single reads, and one copy of all that a look wants. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "engine.h"

static Outcome image_read(const Memory *memory, word address, void *to, size_t size) {
    size_t low = 0, high = memory->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memory->blocks[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return UNREADABLE;
    const Block *block = &memory->blocks[low - 1];
    word skipped = address - block->start;
    if (skipped > block->size || size > block->size - skipped)
        return UNREADABLE;
    memcpy(to, block->bytes + skipped, size);
    return FINE;
}

static Outcome process_read(const Memory *memory, const struct iovec *remote, size_t count, void *to, size_t total) {
    struct iovec local = {to, total};
    ssize_t copied = process_vm_readv(memory->pid, &local, 1, remote, count, 0);
    if (copied >= 0 && (size_t)copied == total)
        return FINE;
    return copied < 0 && errno == ESRCH ? GONE : UNREADABLE;
}

Outcome memory_read(Memory *memory, word address, void *to, size_t size) {
    memory->calls++;
    if (memory->blocks)
        return image_read(memory, address, to, size);
    struct iovec remote = {(void *)(uintptr_t)address, size};
    return process_read(memory, &remote, 1, to, size);
}

void copy_begin(Copy *copy) {
    copy->count = 0;
    copy->is_full = copy->is_taken = false;
}

void copy_want(Copy *copy, word address, word size) {
    if (!size || size > MAX_BYTES || address >= (word)1 << 63 || copy->is_full)
        return;
    if (copy->count == copy->room) {
        size_t room = copy->room ? 2 * copy->room : 64;
        Range *ranges = room <= 1 << 16 ? realloc(copy->ranges, room * sizeof *ranges) : NULL;
        if (!ranges) {
            copy->is_full = true;
            return;
        }
        copy->ranges = ranges;
        copy->room = room;
    }
    copy->ranges[copy->count++] = (Range){address, size, 0};
}

static int by_start(const void *one, const void *other) {
    word a = ((const Range *)one)->start, b = ((const Range *)other)->start;
    return (a > b) - (a < b);
}

/* As few ranges as can be that have all of these in them; of recorded memory only what touches is joined. */
static void merge(Copy *copy) {
    word gap = copy->memory->blocks ? 0 : MAX_GAP;
    size_t last = 0;
    qsort(copy->ranges, copy->count, sizeof *copy->ranges, by_start);
    for (size_t i = 1; i < copy->count; i++) {
        Range *before = &copy->ranges[last], one = copy->ranges[i];
        if (one.start <= before->start + before->size + gap) {
            word end = one.start + one.size - before->start;
            before->size = end > before->size ? end : before->size;
        } else {
            copy->ranges[++last] = one;
        }
    }
    copy->count = copy->count ? last + 1 : 0;
}

static Outcome place(Copy *copy) {
    size_t total = 0;
    for (size_t i = 0; i < copy->count; i++) {
        copy->ranges[i].place = total;
        total += copy->ranges[i].size;
        if (total > MAX_BYTES)
            return UNREADABLE;
    }
    if (total > copy->data_room) {
        uint8_t *data = realloc(copy->data, total + total / 2);
        if (!data)
            return NO_MEMORY;
        copy->data = data;
        copy->data_room = total + total / 2;
    }
    return FINE;
}

static Outcome fill(Copy *copy) {
    Memory *memory = copy->memory;
    struct iovec remote[MAX_RANGES];
    size_t total = 0;
    memory->calls++;
    for (size_t i = 0; i < copy->count; i++) {
        const Range *one = &copy->ranges[i];
        if (memory->blocks && image_read(memory, one->start, copy->data + one->place, one->size) != FINE)
            return UNREADABLE;
        remote[i] = (struct iovec){(void *)(uintptr_t)one->start, one->size};
        total += one->size;
    }
    return memory->blocks ? FINE : process_read(memory, remote, copy->count, copy->data, total);
}

Outcome copy_take(Copy *copy) {
    merge(copy);
    if (copy->is_full || copy->count > MAX_RANGES)
        return UNREADABLE;
    Outcome outcome = place(copy);
    if (outcome == FINE && copy->count)
        outcome = fill(copy);
    copy->is_taken = outcome == FINE;
    return outcome;
}

const uint8_t *copy_find(const Copy *copy, word address, word size) {
    if (!copy->is_taken)
        return NULL;
    size_t low = 0, high = copy->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (copy->ranges[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return NULL;
    const Range *range = &copy->ranges[low - 1];
    word skipped = address - range->start;
    return skipped <= range->size && size <= range->size - skipped ? copy->data + range->place + skipped : NULL;
}

void copy_free(Copy *copy) {
    free(copy->ranges);
    free(copy->data);
}
