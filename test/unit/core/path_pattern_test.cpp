// Tests of path patterns: which paths match and which do not.
#include "core/path_pattern.hpp"

#include <gtest/gtest.h>

namespace pganalytics::core {
namespace {

TEST(PathPattern, WithoutAStarIsThePath) {
    EXPECT_TRUE(MatchesPattern("/a/b", "/a/b"));
    EXPECT_FALSE(MatchesPattern("/a/b", "/a/b/"));
    EXPECT_FALSE(MatchesPattern("/a/b", "/a"));
    EXPECT_FALSE(MatchesPattern("/a/b", "/A/b"));
    EXPECT_FALSE(MatchesPattern("/a/b", ""));
}

TEST(PathPattern, StarAtTheEndIsTheRest) {
    EXPECT_TRUE(MatchesPattern("/a/*", "/a/b"));
    EXPECT_TRUE(MatchesPattern("/a/*", "/a/b/c"));
    EXPECT_TRUE(MatchesPattern("/a/*", "/a//"));
    EXPECT_FALSE(MatchesPattern("/a/*", "/a/"));
    EXPECT_FALSE(MatchesPattern("/a/*", "/a"));
    EXPECT_FALSE(MatchesPattern("/a/*", "/ab"));
}

TEST(PathPattern, StarInBetweenIsOneSegment) {
    EXPECT_TRUE(MatchesPattern("/a/*/c", "/a/b/c"));
    EXPECT_TRUE(MatchesPattern("/a/*/c", "/a/%2F/c"));
    EXPECT_FALSE(MatchesPattern("/a/*/c", "/a//c"));
    EXPECT_FALSE(MatchesPattern("/a/*/c", "/a/c"));
    EXPECT_FALSE(MatchesPattern("/a/*/c", "/a/b/b/c"));
    EXPECT_FALSE(MatchesPattern("/a/*/c", "/a/b/c/"));
    EXPECT_FALSE(MatchesPattern("/a/*/c", "/a/b/d"));
    EXPECT_FALSE(MatchesPattern("/a/*/c", "/a/b"));
    // The text before the asterisk and the text behind it cannot match the same bytes.
    EXPECT_FALSE(MatchesPattern("/aa/*/aa/", "/aa/aa/"));
}

// A pattern must match itself: a refusal is counted under its route's pattern, and the route is
// looked up by that text.
TEST(PathPattern, MatchesItself) {
    for (const char* pattern : {"/a", "/a/*", "/a/*/c"}) {
        EXPECT_TRUE(MatchesPattern(pattern, pattern)) << pattern;
    }
}

}  // namespace
}  // namespace pganalytics::core
