// Tests that passwords in query texts do not leave the monitored server.
#include "collector/sources/redact.hpp"

#include <gtest/gtest.h>

namespace pganalytics::collector {
namespace {

TEST(RedactSecrets, ReplacesTheConstantAfterPassword) {
    EXPECT_EQ(RedactSecrets("ALTER ROLE a PASSWORD 'it''s' VALID UNTIL 'infinity'"),
              "ALTER ROLE a PASSWORD '***' VALID UNTIL 'infinity'");
    EXPECT_EQ(RedactSecrets("create role a encrypted password\n\t'x' login"),
              "create role a encrypted password\n\t'***' login");
    EXPECT_EQ(RedactSecrets(R"(ALTER ROLE a PASSWORD E'x\'y' LOGIN)"),
              "ALTER ROLE a PASSWORD E'***' LOGIN");
    EXPECT_EQ(RedactSecrets("ALTER ROLE a PASSWORD $q$x'y$q$ LOGIN"),
              "ALTER ROLE a PASSWORD '***' LOGIN");
    EXPECT_EQ(RedactSecrets("ALTER ROLE a PASSWORD /* new */ 'x'"),
              "ALTER ROLE a PASSWORD /* new */ '***'");
    EXPECT_EQ(RedactSecrets("ALTER ROLE a PASSWORD U&'x'"), "ALTER ROLE a PASSWORD U&'***'");
}

TEST(RedactSecrets, ReplacesWhatSpeaksOfAPassword) {
    EXPECT_EQ(RedactSecrets("CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'a', password 'x')"),
              "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'a', password '***')");
    EXPECT_EQ(RedactSecrets("CREATE SUBSCRIPTION s CONNECTION 'host=h Password=x' PUBLICATION p"),
              "CREATE SUBSCRIPTION s CONNECTION '***' PUBLICATION p");
    EXPECT_EQ(RedactSecrets("DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''x'''; END $$"),
              "DO '***'");
}

TEST(RedactSecrets, AConstantThatIsCutOffIsASecretToItsEnd) {
    EXPECT_EQ(RedactSecrets("ALTER ROLE a PASSWORD 'secr"), "ALTER ROLE a PASSWORD '***'");
}

TEST(RedactSecrets, LeavesOtherTextsAlone) {
    for (const char* text :
         {"SELECT 'a', $1, E'\\'' FROM t -- it's", "SELECT password, 'x' FROM users",
          "SELECT \"it's\" FROM password_log WHERE a = $1 AND b = 'x'", "", "'", "$", "password"}) {
        EXPECT_EQ(RedactSecrets(text), text);
    }
}

}  // namespace
}  // namespace pganalytics::collector
