// Visible text: appends a text with escapes for invisible characters (core/visible.hpp).
#pragma once

#include "core/visible.hpp"
#include "pg/base/prelude.hpp"

extern "C" {
#include "lib/stringinfo.h"
}

namespace pganalytics::pg {

inline void AppendVisible(StringInfo out, std::string_view text) {
    core::VisibleBuffer buffer;
    while (!text.empty()) {
        const std::string_view shown = core::TakeVisible(&text, &buffer);
        appendBinaryStringInfo(out, shown.data(), static_cast<int>(shown.size()));
    }
}

}  // namespace pganalytics::pg
