// API inputs: the parameters and the body of a request, read by the table of routes.
#pragma once

#include <initializer_list>
#include <string_view>

#include "pg/base/prelude.hpp"
#include "protocol/api_routes.hpp"

namespace pganalytics::pg {

// ApiValue is what a request has for an input. `text` is what was sent, decoded, NUL-terminated,
// or the default; nullptr if there is neither. For kChoice it is the table's own spelling.
struct ApiValue {
    const protocol::ApiInput* input;
    const char* text;
    bool is_null;  // the body has it, and it is null
    bool was_sent;
    int64 integer;
    float8 number;
    TimestampTz time;
    bool flag;
};

// ApiInputs are the values of a route, parameters before the fields of the body. Zero-initialised.
struct ApiInputs {
    ApiValue values[protocol::kMaxApiInputs];
    int count;

    // At gives the value of an input by its name. ERROR XX000 if the route has none of that name.
    const ApiValue& At(const char* name) const;
};

// ReadParameters reads a query, which has the parameters of its route and no others, each at most
// once. 0 if it is good; else the status of the refusal, with one sentence in *why that names the
// parameter. Memory is of the current context.
uint32_t ReadParameters(std::string_view query, const protocol::ApiRoute& route, ApiInputs* inputs,
                        const char** why);

// ReadBody reads the body of a route that takes one; the same otherwise. What it reads may be
// secret: nothing of it is left but in the current memory context. ERROR 54001 for what is nested
// very deeply, 22003 for a number out of range.
uint32_t ReadBody(std::string_view body, const protocol::ApiRoute& route, ApiInputs* inputs,
                  const char** why);

// TakeArguments gives inputs to a statement: values[i] and nulls[i] for the i-th name. Types are
// text, bigint, double precision, boolean and timestamptz; a document is text.
void TakeArguments(const ApiInputs& inputs, std::initializer_list<const char*> names, Datum* values,
                   bool* nulls);

// AppendParameter writes "name=value" as a query has it, percent-encoded.
void AppendParameter(StringInfo out, const ApiValue& value);

}  // namespace pganalytics::pg
