#include "harness/case/scan.h"

#include <set>
#include <vector>

#include "harness/case/json.h"

namespace ovlcheck {
namespace {

// An array or object the walk is inside of.
struct Frame {
  bool is_object = false;
  size_t index = 0;        // of the next value
  bool wants_key = false;  // object: the next string is a key
  bool repeated = false;   // object: the key read last was there before
  std::set<std::string> keys;
  size_t pointer_length = 0;  // of the pointer to this value
};

class Walk {
 public:
  Walk(std::string_view text, const std::function<bool(const Scanned&)>& on_value)
      : text_(text), on_value_(on_value) {}

  void run() {
    while (skip_blanks() && token()) continue;
  }

 private:
  bool skip_blanks() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (c != ' ' && c != '\t' && c != '\r' && c != '\n') return true;
    }
    return false;
  }

  // Reads one token; false = the walk is over.
  bool token() {
    switch (text_[at_]) {
      case '{':
      case '[':
        return open();
      case '}':
      case ']':
        ++at_;
        if (frames_.empty()) return false;
        frames_.pop_back();
        return !frames_.empty();
      case ',':
        ++at_;
        if (!frames_.empty()) frames_.back().wants_key = frames_.back().is_object;
        return true;
      case ':':
        ++at_;
        return true;
      case '"':
        if (!frames_.empty() && frames_.back().wants_key) return key();
        return value() && (string(), !frames_.empty());
      default:
        if (!value()) return false;
        while (at_ < text_.size() && std::string_view(",:]}[{\" \t\r\n").find(text_[at_]) == text_.npos)
          ++at_;
        return !frames_.empty();
    }
  }

  bool open() {
    if (!value()) return false;
    Frame frame;
    frame.is_object = frame.wants_key = text_[at_] == '{';
    frame.pointer_length = pointer_.size();
    frames_.push_back(std::move(frame));
    ++at_;
    return true;
  }

  bool key() {
    Frame& frame = frames_.back();
    const std::string_view quoted = string();
    std::string name(quoted.substr(1, quoted.size() - std::min<size_t>(2, quoted.size())));
    if (name.find('\\') != name.npos) {
      const Json decoded = Json::parse(quoted, nullptr, /*allow_exceptions=*/false);
      if (!decoded.is_string()) return false;
      name = decoded.get<std::string>();
    }
    frame.wants_key = false;
    pointer_.resize(frame.pointer_length);
    pointer_ += '/';
    pointer_ += pointer_token(name);
    frame.repeated = !frame.keys.insert(std::move(name)).second;
    return true;
  }

  // A value starts here: tells where.
  bool value() {
    Scanned found;
    if (!frames_.empty()) {
      Frame& frame = frames_.back();
      if (frame.is_object) {
        found.repeated_key = frame.repeated;
        found.position = frame.index++;
      } else {
        found.position = frame.index++;
        pointer_.resize(frame.pointer_length);
        pointer_ += '/' + std::to_string(found.position);
      }
    }
    found.pointer = pointer_;
    found.line = line_;
    found.depth = frames_.size();
    return on_value_(found);
  }

  // Skips a string, returns it with its quotes.
  std::string_view string() {
    const size_t start = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(start, at_ - start);
  }

  std::string_view text_;
  const std::function<bool(const Scanned&)>& on_value_;
  size_t at_ = 0;
  int line_ = 1;
  std::string pointer_;
  std::vector<Frame> frames_;
};

}  // namespace

void scan_json(std::string_view text, const std::function<bool(const Scanned&)>& on_value) {
  Walk(text, on_value).run();
}

std::string pointer_token(std::string_view key) {
  std::string token;
  for (const char c : key) {
    if (c == '~')
      token += "~0";
    else if (c == '/')
      token += "~1";
    else
      token += c;
  }
  return token;
}

}  // namespace ovlcheck
