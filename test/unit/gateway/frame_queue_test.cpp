// Tests of FrameQueue: the order in which frames go to the worker.
#include "gateway/process/frame_queue.hpp"

#include <gtest/gtest.h>

#include <string>

#include "protocol/frame.hpp"

namespace pganalytics::gateway {
namespace {

core::Uuid Collector(unsigned char n) {
    core::Uuid id;
    id.bytes[15] = n;
    return id;
}

std::string Large(char name) { return std::string(protocol::kLargePushBytes, name); }

// TakeAll takes the frames that may go now and returns their first letters.
std::string TakeAll(FrameQueue* queue) {
    std::string names;
    std::string frame;
    while (queue->Take(&frame)) names += frame[0];
    return names;
}

TEST(FrameQueue, QuestionsGoFirst) {
    FrameQueue queue;
    queue.PutPush(Collector(1), 1, "a");
    queue.Put("x");
    queue.Put("y");
    EXPECT_EQ(TakeAll(&queue), "xya");
    EXPECT_TRUE(queue.empty());
}

TEST(FrameQueue, CollectorsTakeTurnsAndKeepTheirOrder) {
    FrameQueue queue;
    uint32_t id = 0;
    for (const char* name : {"a", "b", "c", "d"}) queue.PutPush(Collector(1), ++id, name);
    for (const char* name : {"p", "q"}) queue.PutPush(Collector(2), ++id, name);
    queue.PutPush(Collector(3), ++id, "z");
    EXPECT_EQ(TakeAll(&queue), "apzbqcd");
}

TEST(FrameQueue, SmallGoesBeforeLarge) {
    FrameQueue queue;
    queue.PutPush(Collector(1), 1, Large('L'));
    queue.PutPush(Collector(2), 2, "a");
    queue.PutPush(Collector(3), 3, "b");
    EXPECT_EQ(TakeAll(&queue), "abL");
}

TEST(FrameQueue, OneLargePushAtATime) {
    FrameQueue queue;
    queue.PutPush(Collector(1), 1, Large('L'));
    queue.PutPush(Collector(2), 2, Large('M'));
    EXPECT_EQ(TakeAll(&queue), "L");
    queue.PutPush(Collector(3), 3, "a");
    EXPECT_EQ(TakeAll(&queue), "a");
    queue.End(3);
    EXPECT_EQ(TakeAll(&queue), "");
    queue.End(1);
    EXPECT_EQ(TakeAll(&queue), "M");
    EXPECT_TRUE(queue.empty());
}

TEST(FrameQueue, OrderOfACollectorHoldsForLargeAndSmall) {
    FrameQueue queue;
    queue.PutPush(Collector(1), 1, "a");
    queue.PutPush(Collector(1), 2, Large('L'));
    queue.PutPush(Collector(1), 3, "b");
    EXPECT_EQ(TakeAll(&queue), "aLb");
}

TEST(FrameQueue, LargeHasItsTurnAmongEndlessSmall) {
    FrameQueue queue;
    std::string frame;
    queue.PutPush(Collector(1), 1, Large('L'));
    int small = 0;
    for (uint32_t id = 2; small < 1000; ++id, ++small) {
        queue.PutPush(Collector(2), id, "a");
        ASSERT_TRUE(queue.Take(&frame));
        if (frame[0] == 'L') break;
    }
    EXPECT_EQ(small, FrameQueue::kSmallBeforeLarge);
}

TEST(FrameQueue, AbandonedPushIsNotSent) {
    FrameQueue queue;
    queue.PutPush(Collector(1), 1, "a");
    queue.PutPush(Collector(1), 2, Large('L'));
    queue.PutPush(Collector(1), 3, "b");
    queue.PutPush(Collector(2), 4, "c");
    queue.End(2);
    EXPECT_EQ(TakeAll(&queue), "acb");
    // Ending a frame that was taken does not bring it back; ending an unknown one does no harm.
    queue.End(1);
    queue.End(77);
    EXPECT_TRUE(queue.empty());
    // The first push of a lane decides the lane's list: when the large one ends, the lane moves to
    // the list of small frames.
    queue.PutPush(Collector(1), 5, Large('L'));
    queue.PutPush(Collector(1), 6, "d");
    queue.PutPush(Collector(2), 7, Large('M'));
    queue.End(5);
    EXPECT_EQ(TakeAll(&queue), "dM");
}

}  // namespace
}  // namespace pganalytics::gateway
