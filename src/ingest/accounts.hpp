// Accounts: counts of the rows of a push, by database.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "protocol/row_builder.hpp"

namespace pganalytics::ingest {

// Account counts rows. observed = rows in the blocks + unchanged + merged + too_large.
struct Account {
    uint64_t observed = 0;
    uint64_t unchanged = 0;
    uint64_t merged = 0;
    uint64_t beyond_limit = 0;  // of `merged`, those beyond the limit of queries
    uint64_t too_large = 0;
    uint64_t queries = 0;  // of `observed`, those that are query statistics

    void Add(const Account& other);
};

class Accounts {
  public:
    // Of returns the account of a database; "" is for rows of no database. The reference stays
    // valid.
    Account& Of(std::string_view database);

    Account Total() const;

    // Block makes the rows of kAccounts: one for each database with observed rows, and always one
    // for the rows of no database.
    protocol::RowBuilder Block() const;

  private:
    std::map<std::string, Account, std::less<>> accounts_;
};

}  // namespace pganalytics::ingest
