#include "redact/message_masker.hpp"

#include <algorithm>

namespace pganalytics::redact {
namespace {

// No token can begin or end inside of it, whatever is beside it.
constexpr std::string_view kMark = "<masked>";

// What PostgreSQL's messages call the names that they quote.
constexpr std::string_view kNamed[] = {
    "attribute", "collation", "column",       "constraint", "cursor",     "database", "directory",
    "encoding",  "extension", "file",         "function",   "group",      "index",    "language",
    "locale",    "parameter", "partition",    "policy",     "procedure",  "process",  "publication",
    "relation",  "role",      "rule",         "savepoint",  "schema",     "sequence", "server",
    "slot",      "standby",   "subscription", "table",      "tablespace", "trigger",  "type",
    "user",      "view",      "worker"};

// Words that end so are the names of secrets: sslpassword, api_token.
constexpr std::string_view kSecrets[] = {"passphrase", "passwd", "password",
                                         "pwd",        "secret", "token"};

bool IsNamed(std::string_view word) {
    return std::any_of(std::begin(kNamed), std::end(kNamed),
                       [word](std::string_view one) { return EqualsWord(word, one); });
}

bool IsSecret(std::string_view word) {
    return std::any_of(std::begin(kSecrets), std::end(kSecrets), [word](std::string_view one) {
        return word.size() >= one.size() && EqualsWord(word.substr(word.size() - one.size()), one);
    });
}

bool IsNumber(std::string_view constant) {
    return (constant.front() >= '0' && constant.front() <= '9') || constant.front() == '.';
}

bool IsLabel(std::string_view text) {
    size_t at = 0;
    while (at < text.size() && text[at] >= 'A' && text[at] <= 'Z') ++at;
    return at > 2 && text.substr(at).starts_with(": ");
}

}  // namespace

MessageMasker::MessageMasker(std::string_view text, bool statements)
    : text_(text), statements_(statements), statement_(std::string_view{}) {
    if (text.starts_with('\t')) hidden_until_ = text.size();
}

void MessageMasker::Hide(size_t begin, size_t end) {
    at_ = begin;
    if (end > begin) hidden_until_ = end;
}

// PartEnd returns where the part that goes on at `at` ends: at the newline before the next label.
size_t MessageMasker::PartEnd(size_t at) const {
    for (;;) {
        at = text_.find('\n', at);
        if (at == std::string_view::npos) return text_.size();
        if (IsLabel(text_.substr(at + 1))) return at;
        ++at;
    }
}

std::string_view MessageMasker::Next() {
    std::string_view piece;
    if (in_statement_) {
        piece = statement_.Next();
        if (piece.empty()) {
            in_statement_ = false;
            at_ = statement_end_;
        }
    }
    if (piece.empty() && hidden_until_ > at_) {
        at_ = hidden_until_;
        piece = kMark;
    }
    if (piece.empty()) {
        Lexer lexer(text_.substr(at_));
        const Token token = lexer.Next();
        if (token.kind == TokenKind::kEnd) return {};
        at_ += token.text.size();
        piece = token.text;
        switch (token.kind) {
            case TokenKind::kConstant:
                if (!IsNumber(token.text)) piece = kMark;
                break;
            case TokenKind::kName:
                piece = NamePiece(token);
                break;
            case TokenKind::kWord:
                if (last_ != '<' || token.text != "masked") NoteWord(token.text);
                break;
            case TokenKind::kBlockComment:
                piece = "/**/";
                break;
            case TokenKind::kLineComment:
                piece = "--";
                break;
            default:
                piece = SignPiece(token);
                break;
        }
        after_space_ = token.text == " ";
    }
    last_ = piece.back();
    return piece;
}

std::string_view MessageMasker::NamePiece(const Token& token) {
    const std::string_view word = after_space_ ? latest_ : std::string_view{};
    if (EqualsWord(word, "statement") || EqualsWord(word, "expression") ||
        EqualsWord(word, "assignment") || EqualsWord(word, "near")) {
        // SQL statement "...", at or near "...": the statement may have double quotes in it.
        at_ = PartEnd(at_);
    }
    return IsNamed(word) ? token.text : kMark;
}

void MessageMasker::NoteWord(std::string_view word) {
    earlier_ = latest_;
    latest_ = word;
    announced_ = announced_ || EqualsWord(word, "execute") || EqualsWord(word, "parse") ||
                 EqualsWord(word, "bind");
}

// BeginsStatement: a statement follows the colon.
bool MessageMasker::BeginsStatement() const {
    return announced_ || EqualsWord(latest_, "statement") || EqualsWord(latest_, "query") ||
           EqualsWord(latest_, "audit") || EqualsWord(latest_, "process") ||
           EqualsWord(latest_, "running") || EqualsWord(latest_, "prepare");
}

// SignPiece returns a sign with the spaces after it, and decides whether what follows is hidden.
std::string_view MessageMasker::SignPiece(const Token& token) {
    const char sign = token.text.front();
    if (sign <= ' ') {
        if (token.text.find('\n') != std::string_view::npos) {
            announced_ = false;
            latest_ = earlier_ = {};
        }
        return token.text;
    }
    const size_t begin = at_ - token.text.size();
    size_t next = at_;
    while (next < text_.size() && text_[next] == ' ') ++next;
    const std::string_view piece = text_.substr(begin, next - begin);
    const std::string_view rest = text_.substr(next);
    // A quoted value is a token of its own, which is masked as such.
    if ((sign == '=' || sign == ':') && IsSecret(latest_)) {
        const size_t size = std::min(rest.find_first_of(" \t\n'\""), rest.size());
        Hide(next, rest.starts_with(kMark) ? next : next + size);
        return piece;
    }
    if (sign == ':' && next == at_ && rest.starts_with("//")) {
        // What looks like a comment inside of the user is one to the lexer.
        if (user_end_ < next) {
            user_end_ = next + std::min({rest.find_first_of("@ \t\n'\""), rest.find("/*"),
                                         rest.find("--"), rest.size()});
        }
        const size_t size = user_end_ - next;
        const std::string_view after = rest.substr(size);
        const bool has_user = size > 2 && !after.empty() &&
                              std::string_view("@/-").find(after[0]) != std::string_view::npos &&
                              rest.substr(0, size).find(kMark) == std::string_view::npos;
        if (!has_user) return token.text;
        Hide(next + 2, next + size);
        return text_.substr(begin, next + 2 - begin);
    }
    // A value follows, and may have quotes in it: for type integer: "...", COPY t, line 1: "...",
    // JSON data, line 1: ... A label has two spaces behind it.
    const bool has_value =
        next == at_ + 1 && (rest.starts_with('"') || EqualsWord(latest_, "line"));
    const bool hides = sign == ':'
                           ? has_value || EqualsWord(latest_, "parameters") ||
                                 EqualsWord(latest_, "plan") ||
                                 (EqualsWord(latest_, "was") && EqualsWord(earlier_, "command"))
                           : sign == '(' && (last_ == '=' || EqualsWord(latest_, "contains"));
    const bool states = sign == ':' && BeginsStatement();
    if (!hides && !states) return token.text;
    // A label in a string of the statement must not end it, so it goes on to the end of the
    // message, unless more is to come for certain.
    const size_t end = states && !EqualsWord(latest_, "query") ? text_.size() : PartEnd(next);
    if (hides || !statements_) {
        Hide(next, end);
        return piece;
    }
    at_ = next;
    in_statement_ = true;
    statement_end_ = end;
    statement_ = SqlMasker(text_.substr(next, statement_end_ - next));
    return piece;
}

}  // namespace pganalytics::redact
