// Which paths are a pattern's, and which are not.
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
    // What is before and behind it does not share bytes.
    EXPECT_FALSE(MatchesPattern("/aa/*/aa/", "/aa/aa/"));
}

// A refusal is counted by its route, and the route is looked up by that name.
TEST(PathPattern, MatchesItself) {
    for (const char* pattern : {"/a", "/a/*", "/a/*/c"}) {
        EXPECT_TRUE(MatchesPattern(pattern, pattern)) << pattern;
    }
}

}  // namespace
}  // namespace pganalytics::core
