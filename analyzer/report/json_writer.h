// json_writer.h: JSON written as it comes, without a tree in memory.
//
// Text that is no UTF-8 gets U+FFFD for each bad byte; control characters are escaped, so that the
// result can also be looked at in a terminal. Threads: one.
//
// With tables it writes the page's form of a report (json_values.h): the same fields, but frames and stacks are numbers in
// the tables, and what only the page shows is there, too.
#pragma once

#include <cstdint>
#include <string_view>

#include "analyzer/report/output.h"

namespace perfagent {

class PageTables;

class JsonWriter {
 public:
  // The tables, if any, must outlive this.
  explicit JsonWriter(Output* output, PageTables* tables = nullptr)
      : output_(output), tables_(tables) {}

  PageTables* tables() const { return tables_; }

  void BeginObject() { Open("{"); }
  void EndObject() { Close("}"); }
  void BeginArray() { Open("["); }
  void EndArray() { Close("]"); }

  // Inside an object, each value follows a key.
  JsonWriter& Key(std::string_view key);
  void String(std::string_view text);
  void Integer(uint64_t value);
  void Signed(int64_t value);
  // Whole numbers without a fraction; what is not finite becomes null, as JSON has no word for it.
  void Number(double value);
  void Bool(bool value);
  void Null();

 private:
  void Open(std::string_view bracket);
  void Close(std::string_view bracket);
  void Separate();
  void Quoted(std::string_view text);
  // Writes the first character of `text`, escaped where it must be; returns its length there.
  size_t Escaped(std::string_view text);

  Output* output_;
  PageTables* tables_;
  bool needs_comma_ = false;
};

}  // namespace perfagent
