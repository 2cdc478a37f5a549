// Tests of spreadsheets: which texts they run, and that numbers are none of them.
#include "core/spreadsheet.hpp"

#include <gtest/gtest.h>

namespace pganalytics::core {
namespace {

TEST(Spreadsheet, RunsFormulas) {
    for (const char* text :
         {"=1",       "+1+1",      "-1+1",    "@SUM(1)", " =1",     "\t=1",    "\r\n=1",
          "\u00a0=1", "\u3000 =1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", " \uff1d1",
          "-",        "+1.",       "-1e",     "-1 ",     " -1",     "--1",     "\u22121"}) {
        EXPECT_TRUE(IsFormula(text)) << text;
    }
}

TEST(Spreadsheet, LeavesNumbersAndTexts) {
    for (const char* text : {"", "a=1", "'=1", "1+1", "-1", "+1", "-1.5", "1e-9", "+2.5E+10", "0",
                             "\\u0009=1", " a", "\"=1\""}) {
        EXPECT_FALSE(IsFormula(text)) << text;
    }
}

}  // namespace
}  // namespace pganalytics::core
