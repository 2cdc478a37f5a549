#include "ca/link.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pganalytics::ca {
namespace {

using core::Error;
using core::Result;
using core::Status;
using core::Unit;

Status ReadAll(int fd, char* to, size_t size) {
    while (size > 0) {
        const ssize_t n = read(fd, to, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return Error{std::string("could not read the request: ") + strerror(errno)};
        if (n == 0) return Error{"the request ends too early"};
        to += n;
        size -= static_cast<size_t>(n);
    }
    return Unit{};
}

template <typename Item>
bool DecodeItems(core::ByteReader* reader, uint32_t count, std::vector<Item>* items) {
    for (uint32_t i = 0; i < count; ++i) {
        Item item;
        if (!protocol::Decode(reader, &item)) return false;
        items->push_back(item);
    }
    return true;
}

bool DecodeRequest(Request* request) {
    core::ByteReader reader(request->payload.data(), request->payload.size());
    protocol::CaRequest& head = request->head;
    if (!protocol::Decode(&reader, &head) || head.items > protocol::kMaxCaItems) return false;
    if (head.operation == protocol::CaOperation::kIssue) {
        if (!DecodeItems(&reader, head.items, &request->issues)) return false;
    } else if (head.operation == protocol::CaOperation::kRevocationLists) {
        if (!DecodeItems(&reader, head.items, &request->revoked)) return false;
    } else if (head.items != 0) {
        return false;
    }
    return reader.remaining() == 0;
}

}  // namespace

Result<Request> ReadRequest(int fd) {
    protocol::FrameHeader header = {};
    Status read = ReadAll(fd, reinterpret_cast<char*>(&header), sizeof(header));
    if (!read) return read.error();
    if (!protocol::IsValidHeader(header) || header.type != protocol::FrameType::kCaRequest) {
        return Error{"the request is no request"};
    }
    Request request;
    request.payload.resize(header.payload_bytes);
    read = ReadAll(fd, request.payload.data(), request.payload.size());
    if (!read) return read.error();
    if (!DecodeRequest(&request)) return Error{"the request does not make sense"};
    return request;
}

Status WriteReply(int fd, const std::string& payload) {
    protocol::FrameHeader header{protocol::kFrameMagic, protocol::FrameType::kCaReply,
                                 protocol::kFrameVersion, static_cast<uint32_t>(payload.size()), 0};
    std::string frame(reinterpret_cast<const char*>(&header), sizeof(header));
    frame += payload;
    size_t done = 0;
    while (done < frame.size()) {
        const ssize_t n = write(fd, frame.data() + done, frame.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return Error{std::string("could not write the reply: ") + strerror(errno)};
        done += static_cast<size_t>(n);
    }
    return Unit{};
}

}  // namespace pganalytics::ca
