// Cache: a hash table in memory that holds rows of an SQL table, so that the worker need not look
// them up again. It lives as long as the worker process. When a transaction aborts, the cache drops
// the entries that this transaction has added or changed.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "nodes/pg_list.h"
#include "utils/hsearch.h"
}

namespace pganalytics::pg {

// Cache maps Key to Entry. The first member of Entry is `Key key`. Keys are compared byte by byte,
// so every byte of a key must be set, padding included. Entry also has a member `bool touched`:
// true while the transaction in progress has added or changed the entry.
template <typename Key, typename Entry>
class Cache {
  public:
    constexpr Cache(const char* name, int64 max_entries) : name_(name), max_entries_(max_entries) {}

    // Prepare makes sure that there is a hash table. Call it before Enter.
    // If the table has more than max_entries entries, Prepare replaces it by an empty one, and
    // pointers from Enter become invalid. It keeps a table while the transaction in progress has
    // touched an entry. Returns true if the table is new and therefore empty.
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

    // Enter returns the entry of a key. If there is none, it adds one and sets *found to false. The
    // new entry has its key, `touched` is true, and all other members are zero.
    Entry* Enter(const Key& key, bool* found) {
        auto* entry = static_cast<Entry*>(hash_search(table_, &key, HASH_FIND, nullptr));
        *found = entry != nullptr;
        if (*found) return entry;
        // Remember the key before the entry is added. In the other order, an ERROR in Remember
        // would leave an entry that Abort does not remove.
        Remember(key);
        entry = static_cast<Entry*>(hash_search(table_, &key, HASH_ENTER, nullptr));
        memset(reinterpret_cast<char*>(entry) + sizeof(Key), 0, sizeof(Entry) - sizeof(Key));
        entry->touched = true;
        return entry;
    }

    // Find returns the entry of a key, or nullptr. Remove removes the entry of a key if there is
    // one.
    Entry* Find(const Key& key) {
        return static_cast<Entry*>(hash_search(table_, &key, HASH_FIND, nullptr));
    }
    void Remove(const Key& key) { hash_search(table_, &key, HASH_REMOVE, nullptr); }

    // Touch marks an entry as changed by the transaction in progress.
    void Touch(Entry* entry) {
        if (entry->touched) return;
        Remember(entry->key);
        entry->touched = true;
    }

    // Call Commit after the transaction has committed: it keeps the touched entries. Call Abort
    // after the transaction has aborted: it removes them.
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

    // Forget empties the cache. Pointers that Enter has returned are invalid afterwards.
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
    List* touched_ = NIL;  // a list of Key*
    MemoryContext context_ = nullptr;
    MemoryContext touched_context_ = nullptr;
};

}  // namespace pganalytics::pg
