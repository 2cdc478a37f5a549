// Accounts: counts of the rows of a push, by database.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

// Account counts the rows of one database. observed = rows in the blocks + unchanged + merged +
// too_large.
struct Account {
    uint64_t observed = 0;
    uint64_t unchanged = 0;
    uint64_t merged = 0;
    uint64_t beyond_limit = 0;  // those of `merged` that were beyond the limit of queries
    uint64_t too_large = 0;
    uint64_t queries = 0;  // those of `observed` that are query statistics

    void Add(const Account& other);
};

class Accounts {
  public:
    // Of returns the account of a database. The name "" stands for rows of no database. The
    // reference stays valid.
    Account& Of(std::string_view database);

    Account Total() const;

    // Block makes the block of the metric kAccounts. It has a row for each database with observed
    // rows, and always a row for the database "".
    protocol::RowBuilder Block() const;

  private:
    std::map<std::string, Account, std::less<>> accounts_;
};

}  // namespace pganalytics::ingest
