// Tests that a masked SQL text has no constant left, and keeps all else.
#include "redact/sql_masker.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pganalytics::redact {
namespace {

std::string Masked(std::string_view sql) {
    std::string masked;
    MaskSql(sql, [&masked](std::string_view piece) { masked += piece; });
    return masked;
}

struct Case {
    std::string_view sql, masked;
};

void ExpectAll(std::initializer_list<Case> cases) {
    for (const Case& one : cases) {
        EXPECT_EQ(Masked(one.sql), one.masked) << one.sql;
        EXPECT_EQ(Masked(one.masked), one.masked) << "masking again changes " << one.masked;
    }
}

TEST(SqlMasker, MasksWhatUtilityStatementsHold) {
    ExpectAll({
        {"create role zz password 'S3CRET'", "create role zz password $1"},
        {"ALTER ROLE a PASSWORD 'it''s' VALID UNTIL 'infinity'",
         "ALTER ROLE a PASSWORD $1 VALID UNTIL $2"},
        {"SET my.token = 'S3CRET'", "SET my.token = $1"},
        {"NOTIFY ch, 'S3CRET'", "NOTIFY ch, $1"},
        {"DO $$ BEGIN PERFORM 'S3CRET'; END $$", "DO $1"},
        {"COPY t TO PROGRAM 'curl -u u:S3CRET'", "COPY t TO PROGRAM $1"},
        {"COMMENT ON TABLE t IS 'S3CRET'", "COMMENT ON TABLE t IS $1"},
        {"EXPLAIN SELECT 'S3CRET'", "EXPLAIN SELECT $1"},
        {"CREATE SUBSCRIPTION s CONNECTION 'postgresql://a:S3CRET@h/d' PUBLICATION p",
         "CREATE SUBSCRIPTION s CONNECTION $1 PUBLICATION p"},
        {"CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'a', password 'x')",
         "CREATE USER MAPPING FOR a SERVER s OPTIONS (user $1, password $2)"},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $f$ SELECT 'S3CRET' $f$ STABLE",
         "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $1 STABLE"},
    });
}

TEST(SqlMasker, MasksStringsOfAllKinds) {
    ExpectAll({
        {"SELECT 'a''b', ''", "SELECT $1, $2"},
        {R"(SELECT E'a\'b', e'\\', 'x')", "SELECT $1, $2, $3"},
        {"SELECT U&'d\\0061t' UESCAPE '!', u&'x'", "SELECT $1 UESCAPE $2, $3"},
        {"SELECT B'101', x'1F', N'n'", "SELECT $1, $2, $3"},
        {"SELECT $$a$b$$, $q$ $$ $Q$ $q$, $_1é$x$_1é$", "SELECT $1, $2, $3"},
        {"SELECT 'a'\n  'b'", "SELECT $1"},
        {"SELECT 'a' -- S3CRET ' \n\t'b' FROM t", "SELECT $1 FROM t"},
        {"SELECT E'a\\''\n'b\\'S3CRET' FROM t", "SELECT $1 FROM t"},
        {"SELECT 'a' 'b'", "SELECT $1 $2"},
        {"SELECT date'2026-01-01'", "SELECT date $1"},
        {"SELECT 'a'AS b", "SELECT $1AS b"},
    });
}

TEST(SqlMasker, MasksNumbers) {
    ExpectAll({
        {"SELECT 1, -2.5, .5e-3, 1e+10, 0x1F, 1_000, 1.", "SELECT $1, -$2, $3, $4, $5, $6, $7"},
        {"SELECT a1, t2.b3 LIMIT 10", "SELECT a1, t2.b3 LIMIT $1"},
        {"SELECT 12S3CRET", "SELECT $1"},
        {"SELECT a[1:2], x::numeric(10,2)", "SELECT a[$1:$2], x::numeric($3,$4)"},
        {"SELECT 1..2", "SELECT $1.$2"},
    });
}

TEST(SqlMasker, NumbersParametersAfterThoseOfTheText) {
    ExpectAll({
        {"SELECT $2, 'a', $1", "SELECT $2, $3, $1"},
        {"SELECT 'it is $7' , $1", "SELECT $2 , $1"},
        {"SELECT $1'a'", "SELECT $1 $2"},
        {"SELECT $123456", "SELECT $1"},
    });
}

TEST(SqlMasker, EmptiesComments) {
    ExpectAll({
        {"SELECT a /* S3CRET */ -- S3CRET\nFROM t", "SELECT a /**/ --\nFROM t"},
        {"/* a /* 'b */ S3CRET */ SELECT a", "/**/ SELECT a"},
        {"SELECT a -- S3CRET\rFROM t", "SELECT a --\rFROM t"},
        {"SELECT a+/*S3CRET*/b", "SELECT a+/**/b"},
        {"SELECT a/*/S3CRET*/b", "SELECT a/**/b"},
    });
}

TEST(SqlMasker, LeavesNamesKeywordsAndOperators) {
    for (const char* sql :
         {"SELECT a.\"it's \"\" b\", foo$bar$baz, \"U\" FROM \"T\" WHERE x @> $1 AND y <> ALL ($2)",
          "SELECT U&\"d!0061t\" FROM t", "UPDATE t SET (a, b) = (c, d) WHERE a.b = c", "", ";",
          "SELECT password FROM users WHERE password = $1", "ALTER ROLE a PASSWORD NULL",
          "SET search_path TO public, app", "SET my.token TO DEFAULT",
          "UPDATE t SET a.b = c, d = e", "CREATE TABLE users (id int, password text NOT NULL)",
          "\xC3\xA9t\xC3\xA9"}) {
        EXPECT_EQ(Masked(sql), sql);
    }
}

TEST(SqlMasker, MasksATextThatIsCutOffToItsEnd) {
    constexpr std::string_view kText =
        "SELECT a, 'ZZ''ZZ', E'Z\\'Z', $t$Z $ Z$t$, U&'ZZ', B'Z' /* Z /* Z */ Z */ -- ZZ\n, "
        "'Z'\n'Z', 'Z\\' FROM ZZ 'ZZ";
    for (size_t size = 0; size <= kText.size(); ++size) {
        const std::string masked = Masked(kText.substr(0, size));
        EXPECT_EQ(masked.find('Z'), std::string::npos) << masked;
        EXPECT_EQ(Masked(masked), masked);
    }
    ExpectAll({
        {"SELECT \"abc", "SELECT $1"},
        {"SELECT a /* b", "SELECT a /**/"},
        {"DO $x$ a", "DO $1"},
        {"DO $x", "DO  x"},
    });
}

// With standard_conforming_strings = off the backslash takes the quote, with on it does not.
TEST(SqlMasker, MasksToTheEndAfterABackslashBeforeAQuote) {
    ExpectAll({
        {R"(SELECT 'a\' , 'S3CRET' FROM t)", "SELECT $1"},
        {R"(SELECT 'a\\' , 'S3CRET' FROM t)", "SELECT $1 , $2 FROM t"},
        {R"(SELECT 'C:\dir', b)", "SELECT $1, b"},
    });
}

TEST(SqlMasker, MasksValuesThatLookLikeNames) {
    ExpectAll({
        {"SET my.token = S3CRET", "SET my.token = $1"},
        {"SET LOCAL my.token TO S3CRET, \"S3CRET\"; SELECT a",
         "SET LOCAL my.token TO $1, $2; SELECT a"},
        {"SET \"my.token\" = S3CRET", "SET \"my.token\" = $1"},
        {"ALTER ROLE a IN DATABASE b SET my.token = S3CRET",
         "ALTER ROLE a IN DATABASE b SET my.token = $1"},
        {"CREATE USER a PASSWORD S3CRET", "CREATE USER a PASSWORD $1"},
    });
}

TEST(SqlMasker, DropsTheDataOfCopy) {
    ExpectAll({
        {"COPY t (a) FROM STDIN WITH (FORMAT csv);\nS3CRET,1\n\\.\n",
         "COPY t (a) FROM STDIN WITH (FORMAT csv);"},
        {"copy t from stdin", "copy t from stdin"},
        {"COPY t TO STDOUT; SELECT a", "COPY t TO STDOUT; SELECT a"},
        {"SELECT a FROM stdin; SELECT b", "SELECT a FROM stdin; SELECT b"},
    });
}

}  // namespace
}  // namespace pganalytics::redact
