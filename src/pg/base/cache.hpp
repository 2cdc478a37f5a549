// Cache: a hash table that lives as long as the worker in front of a table, and forgets what an
// aborted transaction has put into it.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "nodes/pg_list.h"
#include "utils/hsearch.h"
}

namespace pganalytics::pg {

// Entry begins with `Key key`, which is compared as bytes (every byte of it is set), and has a
// `bool touched`: by the transaction in progress.
template <typename Key, typename Entry>
class Cache {
  public:
    constexpr Cache(const char* name, int64 max_entries) : name_(name), max_entries_(max_entries) {}

    // Prepare makes the table if there is none, and empties one that has grown too large. Called
    // before a block's first Enter; entries got before may be gone. Gives whether they are.
    bool Prepare() {
        if (table_ != nullptr && touched_ == NIL && hash_get_num_entries(table_) > max_entries_) {
            Forget();
        }
        if (table_ != nullptr) return false;
        context_ =
            AllocSetContextCreate(TopMemoryContext, "pganalytics cache", ALLOCSET_DEFAULT_SIZES);
        MemoryContextSetIdentifier(context_, name_);
        HASHCTL control = {};
        control.keysize = sizeof(Key);
        control.entrysize = sizeof(Entry);
        control.hcxt = context_;
        table_ = hash_create(name_, 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
        return true;
    }

    // Enter gives the entry of a key. A new one is zero but for its key, and touched.
    Entry* Enter(const Key& key, bool* found) {
        auto* entry = static_cast<Entry*>(hash_search(table_, &key, HASH_FIND, nullptr));
        *found = entry != nullptr;
        if (*found) return entry;
        // Remembered first: should there be no memory for the entry, there is nothing to remove.
        Remember(key);
        entry = static_cast<Entry*>(hash_search(table_, &key, HASH_ENTER, nullptr));
        memset(reinterpret_cast<char*>(entry) + sizeof(Key), 0, sizeof(Entry) - sizeof(Key));
        entry->touched = true;
        return entry;
    }

    // Touch says that the transaction in progress changes an entry.
    void Touch(Entry* entry) {
        if (entry->touched) return;
        Remember(entry->key);
        entry->touched = true;
    }

    // Commit keeps what was touched, Abort removes it.
    void Commit() {
        ListCell* cell = nullptr;
        foreach (cell, touched_) {
            auto* const entry =
                static_cast<Entry*>(hash_search(table_, lfirst(cell), HASH_FIND, nullptr));
            if (entry != nullptr) entry->touched = false;
        }
        ForgetTouched();
    }
    void Abort() {
        ListCell* cell = nullptr;
        foreach (cell, touched_) hash_search(table_, lfirst(cell), HASH_REMOVE, nullptr);
        ForgetTouched();
    }

    // Forget empties the cache. Entries that the transaction in progress has got are gone.
    void Forget() {
        ForgetTouched();
        table_ = nullptr;
        if (context_ != nullptr) MemoryContextDelete(context_);
        context_ = nullptr;
    }

  private:
    void Remember(const Key& key) {
        if (touched_context_ == nullptr) {
            touched_context_ = AllocSetContextCreate(TopMemoryContext, "pganalytics touched",
                                                     ALLOCSET_SMALL_SIZES);
        }
        MemoryContext const caller = MemoryContextSwitchTo(touched_context_);
        auto* const copy = static_cast<Key*>(palloc(sizeof(Key)));
        *copy = key;
        touched_ = lappend(touched_, copy);
        MemoryContextSwitchTo(caller);
    }

    void ForgetTouched() {
        touched_ = NIL;
        if (touched_context_ != nullptr) MemoryContextReset(touched_context_);
    }

    const char* name_;
    int64 max_entries_;
    HTAB* table_ = nullptr;
    List* touched_ = NIL;  // of Key*
    MemoryContext context_ = nullptr;
    MemoryContext touched_context_ = nullptr;
};

}  // namespace pganalytics::pg
