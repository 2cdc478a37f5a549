// Rule template: expands the placeholders in annotations to the labels and the value of an alert.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace pganalytics::pg {

// The expanded text has at most this many bytes. A longer one is cut and ends with "...".
inline constexpr int kMaxAnnotationBytes = 4096;

// ExpandTemplate replaces {{ $value }} by `value` and {{ $labels.x }} by the label x, or by nothing
// if there is no label x. It leaves all other text as it is, and does not expand placeholders
// inside a label's text. The result is in the current memory context.
char* ExpandTemplate(const char* text, Jsonb* labels, const char* value);

}  // namespace pganalytics::pg
