// Message masker: gives a message of PostgreSQL's server log back without the values in it. The
// PostgreSQL backend includes this header, so it uses no containers.
#pragma once

#include "redact/sql_masker.hpp"

namespace pganalytics::redact {

// MessageMasker returns a masked message piece by piece. A message is prose with names, values and
// statements in it. In the masked message
//   * a statement ("STATEMENT: ", "execute <unnamed>: ", ...) is masked by SqlMasker;
//   * parameters, plans, failed rows and commands of the shell are <masked> to the end of the part;
//   * strings in single quotes are <masked>, and so are those in double quotes, unless the word
//     before them says that they are names: relation "t", user "u";
//   * what follows password= or token= up to a space, and the user of a URL, are <masked>;
//   * all of a message that begins with a tab is <masked>: it goes on from another line, where its
//     statement begins.
// Numbers in prose stay. A part begins on a new line with its label: "DETAIL:  ". Masking a masked
// message changes nothing.
class MessageMasker {
  public:
    // REQUIRES: the text outlives the masker and the pieces. If `statements` is false, <masked>
    // stands for each statement.
    MessageMasker(std::string_view text, bool statements);

    // Next returns the next piece, which is valid until the next call. The end is an empty piece.
    std::string_view Next();

  private:
    std::string_view NamePiece(const Token& token);
    std::string_view SignPiece(const Token& token);
    bool BeginsStatement() const;
    void Hide(size_t begin, size_t end);
    void NoteWord(std::string_view word);
    size_t PartEnd(size_t at) const;

    std::string_view text_;
    bool statements_;
    size_t at_ = 0;  // where the next token begins
    size_t hidden_until_ = 0;
    size_t user_end_ = 0;  // where the user of a URL at or before it would end
    bool in_statement_ = false;
    SqlMasker statement_;
    size_t statement_end_ = 0;
    bool announced_ = false;    // this part has the word execute, parse or bind
    bool after_space_ = false;  // the token before is one space
    char last_ = ' ';           // the last byte of the last piece
    std::string_view latest_;   // the latest words of this part
    std::string_view earlier_;
};

// MaskMessage calls append(piece) for each piece of the masked message.
template <typename Append>
void MaskMessage(std::string_view message, bool statements, Append&& append) {
    MessageMasker masker(message, statements);
    for (;;) {
        const std::string_view piece = masker.Next();
        if (piece.empty()) return;
        append(piece);
    }
}

}  // namespace pganalytics::redact
