// Rule template: the texts of an annotation, with an alert's labels and value in them.
#pragma once

#include "pg/base/prelude.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace pganalytics::pg {

// ExpandTemplate replaces {{ $labels.x }} by the label x, or nothing if there is none, and
// {{ $value }} by `value`, each once from left to right: what a label brings is not looked at
// again. Everything else stays as it is. In the current memory context.
char* ExpandTemplate(const char* text, Jsonb* labels, const char* value);

}  // namespace pganalytics::pg
