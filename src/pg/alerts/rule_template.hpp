// Rule template: expands the texts of annotations with the labels and the value of an alert.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace pganalytics::pg {

// ExpandTemplate replaces {{ $labels.x }} by the label x, or by nothing if there is none, and {{
// $value }} by `value`. It makes one pass from left to right and does not expand what a label
// brings. Everything else stays as it is. The result is in the current memory context.
char* ExpandTemplate(const char* text, Jsonb* labels, const char* value);

}  // namespace pganalytics::pg
