// Rule template: expands the placeholders in annotations to the labels and the value of an alert.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace pganalytics::pg {

// ExpandTemplate replaces {{ $value }} by `value` and {{ $labels.x }} by the label x. If there is
// no label x, it replaces {{ $labels.x }} by nothing. Everything else stays as it is. It makes one
// pass from left to right, so a placeholder inside a label's text is not expanded. The result is in
// the current memory context.
char* ExpandTemplate(const char* text, Jsonb* labels, const char* value);

}  // namespace pganalytics::pg
