// Spreadsheet: which texts a spreadsheet runs when it opens a CSV file. The PostgreSQL backend
// includes this header, so it uses no containers.
#pragma once

#include <string_view>

namespace pganalytics::core {

// IsNumber: the text is a number as C writes it, such as -12, +1.5 or 1e-9.
constexpr bool IsNumber(std::string_view text) {
    auto skip_digits = [&text] {
        const size_t before = text.size();
        while (!text.empty() && text.front() >= '0' && text.front() <= '9') text.remove_prefix(1);
        return before != text.size();
    };
    auto skip_one_of = [&text](std::string_view choices) {
        const bool found = !text.empty() && choices.find(text.front()) != std::string_view::npos;
        if (found) text.remove_prefix(1);
        return found;
    };
    skip_one_of("+-");
    if (!skip_digits()) return false;
    if (skip_one_of(".") && !skip_digits()) return false;
    if (skip_one_of("eE")) {
        skip_one_of("+-");
        if (!skip_digits()) return false;
    }
    return text.empty();
}

// IsFormula: Excel, LibreOffice or Google Sheets may run the text as a formula. It is no number,
// and begins with one of = + - @ or of their full-width forms, perhaps after blanks, tabs or ends
// of lines, which they skip.
constexpr bool IsFormula(std::string_view text) {
    constexpr std::string_view kBlanks[] = {" ", "\t", "\r", "\n", "\v", "\f", "\u00a0", "\u3000"};
    constexpr std::string_view kStarts[] = {"=",      "+",      "-",      "@",     "\uff1d",
                                            "\uff0b", "\uff0d", "\uff20", "\u2212"};
    if (IsNumber(text)) return false;
    for (bool skipped = true; skipped;) {
        skipped = false;
        for (const std::string_view blank : kBlanks) {
            if (text.substr(0, blank.size()) != blank) continue;
            text.remove_prefix(blank.size());
            skipped = true;
        }
    }
    for (const std::string_view start : kStarts) {
        if (text.substr(0, start.size()) == start) return true;
    }
    return false;
}

}  // namespace pganalytics::core
