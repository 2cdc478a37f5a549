// Accounts: a gateway's counts of the rows of a push, one account per database, and the check of
// these counts against the rows in the push.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/messages.hpp"
#include "protocol/rows.hpp"

namespace pganalytics::protocol {

// Account holds the counts of one database in a push.
struct Account {
    std::string_view database;  // "": rows that belong to no database
    uint64_t observed = 0;
    uint64_t unchanged = 0;
    uint64_t merged = 0;
    uint64_t beyond_limit = 0;
    uint64_t too_large = 0;
    uint64_t queries = 0;
    uint64_t rows = 0;     // rows in the blocks of the push
    uint64_t samples = 0;  // how many of `rows` are in the block of kQueryStats
};

// AccountsBlock returns the block of kAccounts of a push, or nullptr if there is none.
const RowBlock* AccountsBlock(const RowBlock* blocks, uint32_t count);

// CheckAccounts reads the accounts of a push and checks them against the push. It sorts them by the
// name of the database. It returns true if all of the following holds; otherwise *why gets the
// reason:
//   * Each metric has at most one block. If anything was observed, there are accounts.
//   * Each database has at most one account. Each row of the other blocks belongs to an account.
//   * In each account, observed = rows in the blocks + unchanged + merged + too_large.
//   * In each account, beyond_limit <= merged, beyond_limit <= queries, samples <= queries, and
//     queries <= observed.
//   * The accounts add up to the totals of the push.
// REQUIRES: DecodeBlock has accepted the blocks; `accounts` has room for as many accounts as the
// block of kAccounts has rows.
bool CheckAccounts(const Push& push, const RowBlock* blocks, uint32_t count, Account* accounts,
                   const char** why);

// FindAccount returns the index of a database in sorted accounts, or `count` if it is not there.
uint32_t FindAccount(const Account* accounts, uint32_t count, std::string_view database);

// AccountFinder finds the account of each row of a block. It searches only if the word of the row's
// database cell differs from that of the row before: equal words mean equal texts.
class AccountFinder {
  public:
    AccountFinder(const RowBlock& block, const Account* accounts, uint32_t count);

    // Find returns the index of a row's account, or the number of accounts if the row has none.
    uint32_t Find(Row row) {
        if (column_ < 0 || (valid_ && row.Word(static_cast<uint32_t>(column_)) == word_)) {
            return place_;
        }
        return Search(row);
    }

  private:
    uint32_t Search(Row row);

    const RowBlock* block_;
    const Account* accounts_;
    uint32_t count_;
    int column_ = -1;  // index of the database column; -1: the metric has none
    bool valid_ = false;
    uint64_t word_ = 0;
    uint32_t place_ = 0;
};

}  // namespace pganalytics::protocol
