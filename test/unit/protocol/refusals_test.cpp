// Tests of refusals: the names in SQL and in the table are the same.
#include "protocol/refusals.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace pganalytics::protocol {
namespace {

// A name that the table lacks would be an ERROR when it happens, and the caller would get 503.
TEST(Refusals, TheTableHasTheNamesThatEnrollmentReturns) {
    std::ifstream file(PGANALYTICS_SOURCE_DIR "/sql/identity/enrollment.sql");
    const std::string sql{std::istreambuf_iterator<char>(file), {}};
    const std::regex assignment("refusal := '(\\w+)'");
    std::set<std::string> returned;
    for (std::sregex_iterator one(sql.begin(), sql.end(), assignment), end; one != end; ++one) {
        returned.insert((*one)[1]);
    }
    std::set<std::string> listed;
    for (const RefusalClass& one : kRefusals) {
        if (one.name.empty()) continue;
        EXPECT_TRUE(listed.insert(std::string(one.name)).second) << one.name;
    }
    EXPECT_EQ(returned, listed);
    for (const std::string& name : returned) {
        const RefusalClass* const found = RefusalNamed(name);
        ASSERT_NE(found, nullptr) << name;
        EXPECT_EQ(found->name, name);
    }
    EXPECT_EQ(RefusalNamed(""), nullptr);
    EXPECT_EQ(RefusalNamed("nothing"), nullptr);
}

}  // namespace
}  // namespace pganalytics::protocol
