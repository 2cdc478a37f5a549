// Query fields: percent-decoding, and the strict reading of what it gives.
#include "pg/api/query_fields.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/datetime.h"
}

namespace pganalytics::pg {
namespace {

constexpr int kMaxShownName = 64;

int HexDigit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Decode gives nullptr for what is not encoded as it should be, or is no text.
const char* Decode(std::string_view encoded) {
    auto* const text = static_cast<char*>(palloc(encoded.size() + 1));
    int size = 0;
    for (size_t i = 0; i < encoded.size(); ++i) {
        char c = encoded[i];
        if (c == '+') c = ' ';
        if (c == '%') {
            if (i + 2 >= encoded.size()) return nullptr;
            const int high = HexDigit(encoded[i + 1]);
            const int low = HexDigit(encoded[i + 2]);
            if (high < 0 || low < 0) return nullptr;
            c = static_cast<char>(high << 4 | low);
            i += 2;
        }
        if (c == '\0') return nullptr;
        text[size++] = c;
    }
    text[size] = '\0';
    return pg_verify_mbstr(PG_UTF8, text, size, true) ? text : nullptr;
}

bool TakeField(std::string_view piece, QueryField* fields, bool* seen, int count,
               const char** why) {
    const size_t equals = Min(piece.find('='), piece.size());
    const char* const name = Decode(piece.substr(0, equals));
    const char* const value = Decode(piece.substr(Min(equals + 1, piece.size())));
    if (name == nullptr || value == nullptr) {
        *why = "the query is not encoded as a form, in UTF-8";
        return false;
    }
    for (int i = 0; i < count; ++i) {
        if (strcmp(fields[i].name, name) != 0) continue;
        if (seen[i]) {
            *why = psprintf("the parameter \"%s\" is there twice", name);
            return false;
        }
        seen[i] = true;
        fields[i].value = value[0] == '\0' ? nullptr : value;
        return true;
    }
    const int size = static_cast<int>(strlen(name));
    *why =
        psprintf("there is no parameter \"%.*s\"", pg_mbcliplen(name, size, kMaxShownName), name);
    return false;
}

// Reader takes a text apart from its beginning; after the first thing that does not fit, all fail.
struct Reader {
    const char* at;
    bool good;

    bool Take(char c) {
        if (!good || *at != c) return false;
        ++at;
        return true;
    }
    void Need(char c) { good = Take(c); }
    int Number(int digits, int least, int most) {
        int number = 0;
        for (int i = 0; i < digits; ++i) {
            if (!good || *at < '0' || *at > '9') {
                good = false;
                return 0;
            }
            number = 10 * number + (*at++ - '0');
        }
        good = good && number >= least && number <= most;
        return number;
    }
};

int64 ReadFraction(Reader* reader) {
    int64 micros = 0;
    int64 unit = USECS_PER_SEC / 10;
    int digits = 0;
    for (; *reader->at >= '0' && *reader->at <= '9'; ++reader->at, ++digits) {
        micros += unit * (*reader->at - '0');
        unit /= 10;
    }
    reader->good = reader->good && digits >= 1 && digits <= 9;
    return micros;
}

int64 ReadTime(Reader* reader) {
    const int hour = reader->Number(2, 0, 23);
    reader->Need(':');
    const int minute = reader->Number(2, 0, 59);
    reader->Need(':');
    const int second = reader->Number(2, 0, 59);
    int64 micros = ((hour * 60 + minute) * 60 + second) * USECS_PER_SEC;
    if (reader->Take('.')) micros += ReadFraction(reader);
    if (reader->Take('Z') || reader->Take('z') || *reader->at == '\0') return micros;
    const bool ahead = reader->Take('+');
    if (!ahead) reader->Need('-');
    const int hours = reader->Number(2, 0, 23);
    reader->Need(':');
    const int64 offset = (hours * 60 + reader->Number(2, 0, 59)) * 60 * USECS_PER_SEC;
    return micros + (ahead ? -offset : offset);
}

}  // namespace

bool ReadQueryFields(std::string_view query, QueryField* fields, int count, const char** why) {
    auto* const seen = static_cast<bool*>(palloc0(sizeof(bool) * static_cast<size_t>(count)));
    while (!query.empty()) {
        const size_t end = Min(query.find('&'), query.size());
        const std::string_view piece = query.substr(0, end);
        query.remove_prefix(Min(end + 1, query.size()));
        if (!piece.empty() && !TakeField(piece, fields, seen, count, why)) return false;
    }
    return true;
}

bool ParseCount(const char* text, int64 most, int64* count) {
    *count = 0;
    if (*text == '\0') return false;
    for (; *text != '\0'; ++text) {
        if (*text < '0' || *text > '9') return false;
        *count = 10 * *count + (*text - '0');
        if (*count > most) return false;
    }
    return true;
}

bool ParseInstant(const char* text, TimestampTz* instant) {
    Reader reader = {text, true};
    const int year = reader.Number(4, 1, 9999);
    reader.Need('-');
    const int month = reader.Number(2, 1, 12);
    reader.Need('-');
    const int day = reader.Number(2, 1, 31);
    if (!reader.good || day > day_tab[isleap(year)][month - 1]) return false;
    int64 micros = 0;
    if (reader.Take('T') || reader.Take('t') || reader.Take(' ')) micros = ReadTime(&reader);
    *instant = (date2j(year, month, day) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY + micros;
    return reader.good && *reader.at == '\0';
}

}  // namespace pganalytics::pg
