#include "analyzer/report/json_writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/str_format.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

template <typename Integral>
void WriteDecimal(Output* output, Integral value) {
  char digits[24];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, value);
  output->Write({digits, static_cast<size_t>(end.ptr - digits)});
}

// Printable ASCII that means nothing in JSON: nearly every character of a name.
bool IsPlain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// The code point of a valid UTF-8 character.
uint32_t CodePoint(std::string_view character) {
  const uint8_t first = static_cast<uint8_t>(character[0]);
  if (character.size() == 1) return first;
  uint32_t code = first & (0xffu >> (character.size() + 1));
  for (const char byte : character.substr(1))
    code = code << 6 | (static_cast<uint8_t>(byte) & 0x3f);
  return code;
}

}  // namespace

JsonWriter& JsonWriter::Key(std::string_view key) {
  Separate();
  Quoted(key);
  output_->Write(":");
  needs_comma_ = false;
  return *this;
}

void JsonWriter::String(std::string_view text) {
  Separate();
  Quoted(text);
}

void JsonWriter::Integer(uint64_t value) {
  Separate();
  WriteDecimal(output_, value);
}

void JsonWriter::Signed(int64_t value) {
  Separate();
  WriteDecimal(output_, value);
}

void JsonWriter::Number(double value) {
  if (!std::isfinite(value)) return Null();
  Separate();
  char digits[40];
  // 2^63 and more have no fraction either, but do not fit the integer.
  const bool whole = value == std::floor(value) && std::fabs(value) < 9e18;
  const std::to_chars_result end =
      whole ? std::to_chars(digits, digits + sizeof digits, static_cast<int64_t>(value))
            : std::to_chars(digits, digits + sizeof digits, value);
  output_->Write({digits, static_cast<size_t>(end.ptr - digits)});
}

void JsonWriter::Bool(bool value) {
  Separate();
  output_->Write(value ? "true" : "false");
}

void JsonWriter::Null() {
  Separate();
  output_->Write("null");
}

void JsonWriter::Open(std::string_view bracket) {
  Separate();
  output_->Write(bracket);
  needs_comma_ = false;
}

void JsonWriter::Close(std::string_view bracket) {
  output_->Write(bracket);
  needs_comma_ = true;
}

void JsonWriter::Separate() {
  if (needs_comma_) output_->Write(",");
  needs_comma_ = true;
}

void JsonWriter::Quoted(std::string_view text) {
  output_->Write("\"");
  while (!text.empty()) {
    const auto special = std::find_if_not(text.begin(), text.end(), IsPlain);
    output_->Write(text.substr(0, static_cast<size_t>(special - text.begin())));
    text.remove_prefix(static_cast<size_t>(special - text.begin()));
    if (!text.empty()) text.remove_prefix(Escaped(text));
  }
  output_->Write("\"");
}

size_t JsonWriter::Escaped(std::string_view text) {
  const size_t length = Utf8Length(text);
  const std::string_view character = text.substr(0, length);
  if (length == 0) {
    output_->Write("\xef\xbf\xbd");
  } else if (IsControlCharacter(character)) {
    output_->Write(absl::StrFormat("\\u%04x", CodePoint(character)));
  } else {
    if (character == "\"" || character == "\\") output_->Write("\\");
    output_->Write(character);
  }
  return std::max<size_t>(length, 1);
}

}  // namespace perfagent
