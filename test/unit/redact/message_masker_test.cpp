// Tests that a masked message of the server log has no value of a user left, and stays readable.
#include "redact/message_masker.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pganalytics::redact {
namespace {

std::string Masked(std::string_view message, bool statements = true) {
    std::string masked;
    MaskMessage(message, statements, [&masked](std::string_view piece) { masked += piece; });
    return masked;
}

struct Case {
    std::string_view message, masked;
};

TEST(MessageMasker, MasksStatementsAndValues) {
    constexpr Case kCases[] = {
        {"LOG:  statement: create role zz password 'S3CRET'",
         "LOG:  statement: create role zz password $1"},
        {"duration: 12.5 ms  execute <unnamed>: SELECT a FROM t WHERE id = 4711",
         "duration: 12.5 ms  execute <unnamed>: SELECT a FROM t WHERE id = $1"},
        {"STATEMENT:  INSERT INTO t\n\tVALUES ('S3CRET', 1)",
         "STATEMENT:  INSERT INTO t\n\tVALUES ($1, $2)"},
        {"DETAIL:  parameters: $1 = 'S3CRET', $2 = '5'", "DETAIL:  parameters: <masked>"},
        {"duration: 5 ms  plan:\n\tQuery Text: SELECT S3CRET", "duration: 5 ms  plan:<masked>"},
        {"ERROR:  duplicate key value violates unique constraint \"users_key\"\nDETAIL:  Key "
         "(email)=(S3CRET (x)) already exists.\nSTATEMENT:  INSERT INTO users VALUES ('S3CRET')",
         "ERROR:  duplicate key value violates unique constraint \"users_key\"\nDETAIL:  Key "
         "(email)=(<masked>\nSTATEMENT:  INSERT INTO users VALUES ($1)"},
        {"DETAIL:  Failing row contains (1, S3CRET).", "DETAIL:  Failing row contains (<masked>"},
        {"ERROR:  invalid input syntax for type integer: \"S3CRET\"",
         "ERROR:  invalid input syntax for type integer: <masked>"},
        {"ERROR:  syntax error at or near \"S3CRET\" at character 20",
         "ERROR:  syntax error at or near <masked>"},
        {"ERROR:  unterminated quoted string at or near \"'it \"S3CRET\" x\"",
         "ERROR:  unterminated quoted string at or near <masked>"},
        {"ERROR:  invalid value for parameter \"app.token\": \"S3CRET\"",
         "ERROR:  invalid value for parameter \"app.token\": <masked>"},
        {"CONTEXT:  COPY t, line 1, column user: \"S3CRET\"",
         "CONTEXT:  COPY t, line 1, column user: <masked>"},
        {"CONTEXT:  COPY t, line 2: \"1,\"Bob S3CRET\",x\"", "CONTEXT:  COPY t, line 2: <masked>"},
        {"CONTEXT:  JSON data, line 1: ...S3CRET part\", \"note\": \"S3CRET",
         "CONTEXT:  JSON data, line 1: <masked>"},
        {"CONTEXT:  PL/pgSQL assignment \"x := '{\"password\": \"S3CRET\"}'::jsonb\"",
         "CONTEXT:  PL/pgSQL assignment <masked>"},
        {"DETAIL:  Process 12: UPDATE t SET a = 4711", "DETAIL:  Process 12: UPDATE t SET a = $1"},
        {"DETAIL:  Failed process was running: SELECT 4711",
         "DETAIL:  Failed process was running: SELECT $1"},
        {"CONTEXT:  SQL statement \"SELECT \"user\" WHERE a = 'S3CRET'\"\n\tat S3CRET\nSTATEMENT:  "
         "SELECT f()",
         "CONTEXT:  SQL statement <masked>\nSTATEMENT:  SELECT f()"},
        {"DETAIL:  The failed archive command was: curl -u u:S3CRET x",
         "DETAIL:  The failed archive command was: <masked>"},
        {"could not connect: host=h password=S3CRET port=5432",
         "could not connect: host=h password=<masked> port=5432"},
        {"host=h password='my S3CRET' user=u", "host=h password=<masked> user=u"},
        {"invalid URI postgresql://u:S3CRET@h/d", "invalid URI postgresql://<masked>@h/d"},
        {"STATEMENT:  INSERT INTO t VALUES ('a\nHINT:  S3CRET')",
         "STATEMENT:  INSERT INTO t VALUES ($1)"},
        {"QUERY:  SELECT 'S3CRET'\nCONTEXT:  PL/pgSQL function f() line 3 at RETURN",
         "QUERY:  SELECT $1\nCONTEXT:  PL/pgSQL function f() line 3 at RETURN"},
        {"\tWHERE a = S3CRET')", "<masked>"},
        {"AUDIT: SESSION,1,1,WRITE,INSERT,TABLE,public.t,insert into t values (4711)",
         "AUDIT: SESSION,$1,$2,WRITE,INSERT,TABLE,public.t,insert into t values ($3)"},
    };
    for (const Case& one : kCases) {
        EXPECT_EQ(Masked(one.message), one.masked) << one.message;
        EXPECT_EQ(Masked(one.masked), one.masked) << "masking again changes " << one.masked;
    }
}

// With a search to the end of the message at each URL, this takes an hour.
TEST(MessageMasker, ReadsALongMessageOnce) {
    std::string message;
    for (int i = 0; i < 300000; ++i) message += "://";
    EXPECT_EQ(Masked(message), message);
}

TEST(MessageMasker, LeavesMessagesAboutTheServer) {
    for (const char* message :
         {"checkpoint complete: wrote 123 buffers (0.8%); write=1.2 s, sync=0.3 s; lsn=0/3000028",
          "ERROR:  relation \"orders\" does not exist at character 15",
          "ERROR:  column \"a\" of relation \"t\" does not exist",
          "FATAL:  password authentication failed for user \"alice\"",
          "could not open file \"base/5/1259\": No such file or directory",
          "database system is ready to accept connections", "",
          "2026-11-30 12:00:00.123 UTC [77] LOG:  x"}) {
        EXPECT_EQ(Masked(message), message);
    }
}

TEST(MessageMasker, LeavesStatementsOut) {
    EXPECT_EQ(Masked("duration: 2 ms  statement: SELECT a FROM t", false),
              "duration: 2 ms  statement: <masked>");
    EXPECT_EQ(Masked("ERROR:  relation \"t\" does not exist\nSTATEMENT:  SELECT a\nFROM t", false),
              "ERROR:  relation \"t\" does not exist\nSTATEMENT:  <masked>");
}

}  // namespace
}  // namespace pganalytics::redact
