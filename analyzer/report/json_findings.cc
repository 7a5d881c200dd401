#include "analyzer/report/json_findings.h"

#include "absl/strings/str_cat.h"
#include "analyzer/report/json_values.h"

namespace perfagent {
namespace {

void WriteWhere(JsonWriter* json, const Where& where) {
  json->BeginObject();
  if (where.IsLock()) {
    json->Key("lock").String(where.lock);
    json->Key("address").String(absl::StrCat("0x", absl::Hex(where.address)));
  } else if (!where.allocator.empty()) {
    json->Key("allocator").String(where.allocator);
  } else {
    json->Key("function").String(where.place == nullptr ? "" : where.place->function);
    json->Key("stack");
    WriteStack(json, where.stack);
  }
  json->EndObject();
}

}  // namespace

void WriteFindings(JsonWriter* json, const Findings& findings) {
  json->BeginArray();
  for (const Finding& finding : findings) {
    json->BeginObject();
    json->Key("kind").String(finding.kind);
    json->Key("title").String(finding.title);
    json->Key("where");
    WriteWhere(json, finding.where);
    json->Key("evidence").BeginArray();
    for (const std::string& evidence : finding.evidence) json->String(evidence);
    json->EndArray();
    json->Key("gain").String(finding.gain);
    json->Key("remedy").String(finding.remedy);
    json->Key("confidence").String(Name(finding.confidence));
    json->EndObject();
  }
  json->EndArray();
}

}  // namespace perfagent
