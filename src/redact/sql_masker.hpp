// SQL masker: gives an SQL text back without its constants and without what its comments say. The
// PostgreSQL backend includes this header, so it uses no containers.
#pragma once

#include "redact/lexer.hpp"

namespace pganalytics::redact {

// SqlMasker returns a masked text piece by piece, so that it needs no memory of its own. In the
// masked text
//   * each constant is a parameter, as pg_stat_statements writes one: $1, $2, and so on, after the
//     highest parameter that the text itself has;
//   * a comment is empty;
//   * an unquoted value of SET my.parameter, or of PASSWORD, is a parameter, too;
//   * nothing follows the semicolon of COPY ... FROM STDIN: psql puts data there.
// Names, keywords, operators and parameters stay. Masking a masked text changes nothing.
class SqlMasker {
  public:
    // REQUIRES: the text outlives the masker and the pieces.
    explicit SqlMasker(std::string_view sql);

    // Next returns the next piece, which is valid until the next call. The end is an empty piece.
    std::string_view Next();

  private:
    // Statement is what the words of the statement say so far about the next ones.
    struct Statement {
        std::string_view first;  // its first word
        std::string_view second;
        std::string_view latest;
        bool sets;      // a word SET came
        bool custom;    // then a name with a dot
        bool is_value;  // then = or TO: what follows is the value
        bool copies_in;
    };

    bool MasksWord(std::string_view word);
    void Note(const Token& token);
    std::string_view Placeholder();

    Lexer lexer_;
    Statement statement_ = {};
    uint32_t parameters_ = 0;
    bool after_word_ = false;  // the last piece ends in a byte of a word
    bool ended_ = false;
    char placeholder_[16] = {};
};

// MaskSql calls append(piece) for each piece of the masked text.
template <typename Append>
void MaskSql(std::string_view sql, Append&& append) {
    SqlMasker masker(sql);
    for (;;) {
        const std::string_view piece = masker.Next();
        if (piece.empty()) return;
        append(piece);
    }
}

}  // namespace pganalytics::redact
