/* A hash table of triples of words, open addressing. */

#include <stdlib.h>
#include <string.h>

#include "engine.h"

static size_t mix(word a, word b, word c) {
    word hash = a * 0x9E3779B97F4A7C15u;
    hash = (hash ^ hash >> 29 ^ b) * 0xBF58476D1CE4E5B9u;
    hash = (hash ^ hash >> 32 ^ c) * 0x94D049BB133111EBu;
    return (size_t)(hash ^ hash >> 31);
}

/* The slot of a key, or the free one where it would go. */
static Slot *seek(const Table *table, word a, word b, word c) {
    for (size_t i = mix(a, b, c);; i++) {
        Slot *slot = &table->slots[i & (table->room - 1)];
        if (!slot->is_used || (slot->key[0] == a && slot->key[1] == b && slot->key[2] == c))
            return slot;
    }
}

word *table_find(const Table *table, word a, word b, word c) {
    Slot *slot = table->room ? seek(table, a, b, c) : NULL;
    return slot && slot->is_used ? &slot->value : NULL;
}

static bool grow(Table *table) {
    Table larger = {NULL, table->room ? 2 * table->room : 256, table->count};
    larger.slots = calloc(larger.room, sizeof *larger.slots);
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < table->room; i++) {
        const Slot *slot = &table->slots[i];
        if (slot->is_used)
            *seek(&larger, slot->key[0], slot->key[1], slot->key[2]) = *slot;
    }
    free(table->slots);
    *table = larger;
    return true;
}

word *table_put(Table *table, word a, word b, word c, word value) {
    if (2 * (table->count + 1) > table->room && !grow(table))
        return NULL;
    Slot *slot = seek(table, a, b, c);
    table->count += !slot->is_used;
    *slot = (Slot){{a, b, c}, value, true};
    return &slot->value;
}

void table_clear(Table *table) {
    if (table->room)
        memset(table->slots, 0, table->room * sizeof *table->slots);
    table->count = 0;
}

void table_free(Table *table) {
    free(table->slots);
    *table = (Table){NULL, 0, 0};
}
